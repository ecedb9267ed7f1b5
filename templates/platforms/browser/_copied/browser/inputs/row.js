// A row of values as input: a field for each of FEATURES of model.js.
import { VisitorError } from "../errors.js";
import { rows } from "../csv.js";
import { examples } from "../examples.js";
import { element } from "../texts.js";

const LARGEST = 3.4e38; // as in app.py

/** Build the fields; return how to read and to clear them. */
export async function build(place, features) {
  const fields = (features instanceof Map ? [...features] : Object.entries(features)).map(
    ([name, initial], number) => field(name, initial, `field-${number}`),
  );
  for (const { name, control } of fields)
    place.append(element("label", { for: control.id }, name), control);
  const set = (values) => fields.forEach((each, n) => each.set(values[n]));
  rows("examples.csv").then(([head, ...found]) => {
    if (!head) return;
    const columns = fields.map(({ name }) => head.indexOf(name.trim()));
    if (columns.includes(-1)) return; // it is of another model
    examples(found.map((row) => columns.map((n) => row[n])), set, fields.map(({ name }) => name));
  });
  return {
    read() {
      const empty = fields.filter((each) => each.isEmpty()).map(({ name }) => name);
      if (empty.length) throw new VisitorError("Fill in {fields}.", { fields: empty.join(", ") });
      return fields.map((each) => each.read());
    },
    clear: () => fields.forEach((each) => each.set("")),
  };
}

/** Return the field of a column: a list of choices, a text or a (whole) number, as its default is. */
function field(name, initial, id) {
  if (Array.isArray(initial)) return choice(name, initial, id);
  const isText = typeof initial === "string";
  const isWhole = typeof initial === "bigint";
  const most = isWhole ? Number.MAX_SAFE_INTEGER : LARGEST;
  const step = isWhole ? 1 : "any";
  const control = element("input", isText ? { id } : { id, type: "number", step });
  control.value = initial;
  return {
    name,
    control,
    isEmpty: () => !control.value && !control.validity.badInput,
    set: (value) => (control.value = isText ? value : number(value)),
    read() {
      if (isText) return control.value;
      const given = control.valueAsNumber;
      if (!Number.isFinite(given))
        throw new VisitorError("Give a number for {field}.", { field: name });
      if (isWhole && !Number.isInteger(given))
        throw new VisitorError("Give a whole number for {field}.", { field: name });
      if (Math.abs(given) > most) {
        const values = { least: -most, most, field: name };
        throw new VisitorError("Give a number from {least} to {most} for {field}.", values);
      }
      return given;
    },
  };
}

function choice(name, values, id) {
  const options = values.map((each, n) => element("option", { value: n }, String(each)));
  const control = element("select", { id }, ...options);
  const place = (value) =>
    values.findIndex((each) => String(each) === String(value) || each === Number(number(value)));
  return {
    name,
    control,
    isEmpty: () => false,
    set: (value) => (control.selectedIndex = Math.max(place(value), 0)),
    read: () => values[control.selectedIndex],
  };
}

/** Return the number that a cell of a table means; pandas writes True and False. */
function number(cell) {
  const means = { true: 1, false: 0 };
  return means[String(cell).toLowerCase()] ?? cell;
}
