/**
 * Numbers call stacks in order of their first appearance, from 1: a call stack is its caller's call
 * stack, 0 at the outermost frame, and its frame, which is never 0.
 *
 * A call stack knows one of its callees itself: those that are made one after the other, as the
 * callers of a new call stack are, lie side by side in memory. Only where there are several callees
 * all of them are in an index besides, as most of the time such a search takes is to wait for memory.
 */
import { PairIndex } from './pair-index';
import { Table } from './table';

@unmanaged
class Node {
  caller: u32;
  frame: u32;
}

/** The callee of a call stack that was asked for last; frame 0 when it has none yet. */
@unmanaged
class Callee {
  frame: u32;
  node: u32;
  /** Whether there are others. */
  hasSiblings: u32;
}

export const NODE_BYTES: u32 = offsetof<Node>();
export const NODE_CALLER_OFFSET: u32 = offsetof<Node>('caller');
export const NODE_FRAME_OFFSET: u32 = offsetof<Node>('frame');

export class CallTree {
  /** The call stacks, which the host copies as they are. */
  readonly nodes: Table = new Table(NODE_BYTES);
  /** By call stack; the first is that of none. */
  private callees: Table = new Table(offsetof<Callee>());
  /** (caller, frame) of callees with siblings -> their number in `siblings`. */
  private pairs: PairIndex = new PairIndex();
  private siblings: Table = new Table(sizeof<u32>());

  /** The number of a call stack, which is added when it is new: then it is the new last one. */
  add(caller: u32, frame: u32): u32 {
    const callee = this.calleeOf(caller);
    if (callee.frame == frame) return callee.node;
    const isFirst = callee.frame == 0;
    if (!isFirst && !callee.hasSiblings) this.addSibling(caller, callee.frame, callee.node);
    const next = this.nodes.last + 1;
    const number = isFirst ? next : this.addSibling(caller, frame, next);
    callee.frame = frame;
    callee.node = number;
    callee.hasSiblings = !isFirst;
    if (number == next) this.addNode(caller, frame);
    return number;
  }

  /** Gives the number of one that is known already, instead of `number`. */
  private addSibling(caller: u32, frame: u32, number: u32): u32 {
    const pair = this.pairs.add(caller, frame);
    if (pair > this.siblings.last) store<u32>(this.siblings.at(this.siblings.add()), number);
    return load<u32>(this.siblings.at(pair));
  }

  private addNode(caller: u32, frame: u32): void {
    const node = changetype<Node>(this.nodes.at(this.nodes.add()));
    node.caller = caller;
    node.frame = frame;
    this.callees.add();
  }

  private calleeOf(caller: u32): Callee {
    return changetype<Callee>(this.callees.at(caller));
  }
}
