// Names of a model's classes, from its labels.txt.

const BREAK = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/; // as Python's splitlines has them

/** Return the names of the classes; a second "crane" gets its number, "crane (517)". */
export async function readLabels(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname}: the server says ${answer.status}`);
  const names = (await answer.text()).trimEnd().split(BREAK);
  return names.map((name, n) => (names.indexOf(name) === n ? name : `${name} (${n})`));
}
