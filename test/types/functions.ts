// Limits by import.
import { limitLeakedObjects, limitLeaks, limitMemory } from 'memray-mocha';

limitMemory('24 MB');
limitMemory('baseline', { tolerance: '10%' });
limitMemory(false);
limitLeaks(1024, ({ frames }) => frames.length > 1);
limitLeaks('1 MB', { exact: true });
limitLeakedObjects();
limitLeakedObjects(({ constructorName, retainers }) => constructorName !== retainers[0]);
limitLeakedObjects(false);
// @ts-expect-error a filter answers with true or false
limitLeakedObjects(() => 1);
// @ts-expect-error a limit has to be given
limitMemory();
// @ts-expect-error a limit is a text, a number or false
limitLeaks({ bytes: 1 });
// @ts-expect-error there is nothing to chain
export const chain: Mocha.Test = limitMemory('24 MB');
