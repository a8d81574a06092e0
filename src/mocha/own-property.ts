import { assign, create, defineProperty } from '../builtins';

/**
 * Gives an object a property, as Object.defineProperty does, where tests may have given all objects a
 * `get` or a `value`, which a plain descriptor would have too.
 */
export function defineOwn(target: object, name: string, descriptor: PropertyDescriptor): void {
  const own = assign(create(null) as object, descriptor);
  defineProperty(target, name, own);
}
