// Examples in rows: a table, each row of which fills the form.
import { element, translated } from "./texts.js";

const SHOWN = 5; // as in app.py

/** Show the first rows; a click on one, or Enter, gives its values to `set`. */
export function examples(rows, set, names = []) {
  const place = document.querySelector("#examples");
  if (!rows.length || !place) return;
  const head = names.map((name) => element("th", { scope: "col" }, name));
  const body = rows.slice(0, SHOWN).map((row) => {
    const [first, ...rest] = row.map(String);
    const choose = () => {
      set(row);
      document.dispatchEvent(new Event("example"));
    };
    const button = element("button", { type: "button", onclick: choose }, first);
    return element(
      "tr", {},
      element("td", {}, button),
      ...rest.map((value) => element("td", {}, value)),
    );
  });
  const label = translated("Examples");
  const table = element("table", { "aria-label": label }, element("tbody", {}, ...body));
  if (head.length) table.prepend(element("thead", {}, element("tr", {}, ...head)));
  // It scrolls if it is wider than the window, by the keyboard too.
  place.append(element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, table));
  place.hidden = false;
}
