// Markdown as elements: paragraphs, lists, tables, emphasis, code and links; never HTML.
import { element } from "./texts.js";

const INLINE =
  /`([^`\n]+)`|\*\*(.+?)\*\*|(?<![\w*])[*_]([^*_\n]+)[*_](?![\w*])|\[([^\]\n]*)\]\((https?:\/\/[^\s()]+|#[\w-]+)[^)]*\)|<(https?:\/\/[^\s<>]+)>/g;
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+/;
const RULE = /^\s*\|?[\s:|-]+\|[\s:|-]*$/; // below the head of a table

/** Return the elements of a text. */
export function markdown(source) {
  return source
    .split(/\n\s*\n/)
    .map((block) => block.split("\n").filter((line) => line.trim()))
    .filter((lines) => lines.length)
    .flatMap(blocks);
}

/** Return the elements of lines without an empty one; a list may follow a paragraph. */
function blocks(lines) {
  if (lines.length > 1 && RULE.test(lines[1])) return [table(lines)];
  const first = lines.findIndex((line) => ITEM.test(line));
  const text = first < 0 ? lines : lines.slice(0, first);
  const made = text.length ? [element("p", {}, ...inline(text.join(" ")))] : [];
  return first < 0 ? made : [...made, list(lines.slice(first))];
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    if (ITEM.test(line)) items.push(line.replace(ITEM, ""));
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  const name = lines[0].match(ITEM)[1] ? "ol" : "ul";
  return element(name, {}, ...items.map((item) => element("li", {}, ...inline(item))));
}

function table([head, , ...body]) {
  const row = (line, name) =>
    element("tr", {}, ...cells(line).map((cell) => element(name, {}, ...inline(cell))));
  return element(
    "div", { class: "scroll" },
    element(
      "table", {},
      element("thead", {}, row(head, "th")),
      element("tbody", {}, ...body.map((line) => row(line, "td"))),
    ),
  );
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

/** Return the nodes of a line: texts, and elements for what is marked. */
function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, strong, emphasis, label, link, address] = found;
    nodes.push(text.slice(end, found.index));
    if (code) nodes.push(element("code", {}, code));
    else if (strong) nodes.push(element("strong", {}, ...inline(strong)));
    else if (emphasis) nodes.push(element("em", {}, emphasis));
    else nodes.push(element("a", { href: link ?? address }, label || link || address));
    end = found.index + whole.length;
  }
  return [...nodes, text.slice(end)].filter((node) => node !== "");
}
