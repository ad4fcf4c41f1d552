/** Numbers in [0, 1) that the text alone decides: FNV-1a of it starts mulberry32. */
function generator(text) {
  let state = 0x811c9dc5;
  for (const letter of text) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** 0 ... count - 1 in random order, by Fisher and Yates. */
function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, n) => n);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** A participant's questions: which item, and which of its stimuli stands under each letter. */
function orderOf(participant) {
  const random = generator(`${page.seed} ${page.test} ${participant}`);
  return shuffled(page.items.length, random).map((item) => ({
    item, stimuli: shuffled(page.items[item].sources.length - 1, random),
  }));
}
