/** What is worked out of items, one after the other. */
interface Gathering<Subject, Item, Found> {
  readonly start: () => Found;
  /** Puts in what one item adds, and returns how that is taken out again. */
  readonly add: (found: Found, item: Item, subject: Subject) => () => void;
}

/**
 * Gathers something of a list, for a question that is asked of one model after another: of the payloads of two that
 * follow each other only the last ones differ, and only those are looked at. So a chain of thousands takes linear
 * time, where each payload would else be asked about all below it.
 *
 * What is returned is good until the next question: do not keep it.
 */
export function gatheredOf<Subject extends { readonly symbols: object }, Item, Found>({
  start,
  add,
}: Gathering<Subject, Item, Found>): (subject: Subject, items: readonly Item[]) => Found {
  /** By the symbols of the hypervisor, which all its models share. */
  const known = new WeakMap<
    object,
    { asked: readonly Item[]; items: Item[]; takeOut: (() => void)[]; found: Found }
  >();
  return (subject, items) => {
    const last = known.get(subject.symbols) ?? {
      asked: [],
      items: [],
      takeOut: [],
      found: start(),
    };
    known.set(subject.symbols, last);
    // The same list as before: many questions are asked of one model.
    if (last.asked === items) return last.found;
    last.asked = items;
    let same = 0;
    while (same < last.items.length && last.items[same] === items[same]) same++;
    while (last.items.length > same) {
      last.items.pop();
      last.takeOut.pop()?.();
    }
    for (const item of items.slice(same)) {
      last.takeOut.push(add(last.found, item, subject));
      last.items.push(item);
    }
    return last.found;
  };
}

/** Puts an entry into a map that has none of that key; returns how it is taken out. */
export function putFirst<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): () => void {
  if (map.has(key)) return () => undefined;
  map.set(key, value);
  return () => void map.delete(key);
}
