/** Sorts ids in place, ascending: by insertion where they are few, as they nearly always are, else by a heap. */

const insertionMax: i32 = 32;

export function sort(ids: usize, count: i32): void {
  if (count > insertionMax) return heapSort(ids, count);
  for (let i = 1; i < count; i++) {
    const id = get(ids, i);
    let place = i;
    for (; place > 0 && get(ids, place - 1) > id; place--) set(ids, place, get(ids, place - 1));
    set(ids, place, id);
  }
}

function heapSort(ids: usize, count: i32): void {
  let ascending = true;
  for (let i = 1; i < count && ascending; i++) ascending = get(ids, i - 1) <= get(ids, i);
  if (ascending) return;
  for (let root = (count >>> 1) - 1; root >= 0; root--) sink(ids, root, count);
  for (let last = count - 1; last > 0; last--) {
    const greatest = get(ids, 0);
    set(ids, 0, get(ids, last));
    set(ids, last, greatest);
    sink(ids, 0, last);
  }
}

function sink(ids: usize, from: i32, count: i32): void {
  const id = get(ids, from);
  let place = from;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= count) break;
    if (child + 1 < count && get(ids, child + 1) > get(ids, child)) child += 1;
    if (get(ids, child) <= id) break;
    set(ids, place, get(ids, child));
    place = child;
  }
  set(ids, place, id);
}

// @ts-ignore: decorator
@inline
function get(ids: usize, at: i32): u32 {
  return load<u32>(ids + (<usize>at << 2));
}

// @ts-ignore: decorator
@inline
function set(ids: usize, at: i32, id: u32): void {
  store<u32>(ids + (<usize>at << 2), id);
}
