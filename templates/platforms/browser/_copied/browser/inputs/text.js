// A text as input.
import { VisitorError } from "../errors.js";
import { rows } from "../csv.js";
import { examples } from "../examples.js";
import { element, text } from "../texts.js";

const LONGEST = 5000; // characters, as in app.py

/** Build the field; return how to read and to clear it. */
export async function build(place) {
  const field = element("textarea", { id: "text", rows: 4 });
  place.append(text("label", "Text", { for: "text" }), field);
  const set = ([value]) => (field.value = value);
  rows("examples.csv").then((found) => {
    const column = found[0]?.indexOf("text");
    examples(found.slice(1).map((row) => [row[Math.max(column, 0)]]), set);
  });
  return {
    read() {
      if (!field.value.trim()) throw new VisitorError("Write a text first.");
      if ([...field.value].length > LONGEST)
        throw new VisitorError("Write a shorter text: up to {most} characters.", { most: LONGEST });
      return field.value;
    },
    clear: () => set([""]),
  };
}
