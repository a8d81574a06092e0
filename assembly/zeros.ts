/** Memory for so many bytes, all of them zero. */
export function allocateZeros(length: usize): usize {
  const zeros = heap.alloc(length);
  memory.fill(zeros, 0, length);
  return zeros;
}
