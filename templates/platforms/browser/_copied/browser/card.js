// The model card below the page, as ml_ui/card.py shows it: what MODEL_CARD.md says to visitors.
import { markdown } from "./markdown.js";
import { element, text } from "./texts.js";

const LARGEST = 200_000; // characters of a card
const SECTIONS = 6; // that the page shows
const LONGEST = 1200; // characters of each
// Titles of a card on the Hub for programmers, from their beginning.
const SKIPPED = new RegExp(
  "^\\W*(how to (use|get started|load|run|install|cite)|get(ting)? started|usage|citation|" +
    "bibtex|(model card )?(contact|authors?)|glossary|carbon|technical specifications?|" +
    "environmental impact|framework versions?|(training )?hyperparameters|preprocessing|" +
    "table of contents|more information|(hardware|software)( requirements)?$)\\b",
  "i",
);
const EMPTY = /^(\[?more information needed\]?\.?|tbd|todo|-)$/i;
const FRONT_MATTER = /^---[ \t]*\n(.*?)^---[ \t]*$/ms;
const COMMENT = /<!--.*?(?:-->|$(?![^]))/gs;
const FENCED = /^[ \t>*+\d.)-]*(`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^[ \t>]*\1[`~]*[ \t]*$|$(?![^]))/gms;
const TAG = new RegExp(
  "</?(?:a|b|br|center|code|details|div|em|font|h[1-6]|hr|i|iframe|img|kbd|li|ol|p|picture|pre|" +
    "script|small|source|span|strong|style|sub|summary|sup|svg|table|tbody|td|th|thead|tr|u|ul|" +
    "video)\\b[^<>]*>",
  "gi",
);
const REFERENCE = /^[\w./:+-]+$/; // a licence or a data set, as the Hub names it
const WEB = /^https?:\/\/[^\s<>()[\]]+$/;

/** Show what a card says, if there is one and it says anything. */
export async function about(place) {
  if (!place) return;
  const response = await fetch(place.dataset.card);
  const card = response.ok ? (await response.text()).replace(/\r\n/g, "\n") : "";
  if (card.length > LARGEST) return;
  const head = card.match(FRONT_MATTER);
  const body = head?.index === 0 ? card.slice(head[0].length) : card;
  const parts = [...sections(body)].flatMap(({ title, content }) => [
    ...(title ? [element("h3", {}, title)] : []),
    ...markdown(content),
  ]);
  parts.push(...facts(head?.index === 0 ? metadata(head[1]) : {}));
  if (parts.length) place.append(text("h2", "About this model"), ...parts);
}

/** Yield the first sections that say something to visitors. */
export function* sections(body) {
  // A picture becomes a link: the page loads nothing from other sites.
  const plain = body.replace(COMMENT, "").replace(FENCED, "").replace(TAG, "").replace(/!+(?=\[)/g, "");
  // What stands before the first heading, and below the title, says what the model is.
  const pieces = ["", ...plain.split(/^#{1,6}[ \t]+(.*)$/m)];
  let shown = 0;
  for (let number = 0; 2 * number < pieces.length; number++) {
    const title = number > 1 ? pieces[2 * number].replace(/^[ #]+|[ #]+$/g, "") : "";
    const lines = pieces[2 * number + 1].trim().split("\n");
    const content = lines.filter((line) => !EMPTY.test(line.trim())).join("\n").trim();
    if (!content || SKIPPED.test(title) || shown++ >= SECTIONS) continue;
    yield { title, content: content.length > LONGEST ? shortened(content) : content };
  }
}

function shortened(content) {
  const start = content.slice(0, LONGEST);
  const end = start.lastIndexOf("\n\n");
  return end > 0 ? start.slice(0, end) : `${start} …`;
}

/** Return the values of the keys of YAML that a card has: a text, or a list of texts. */
function metadata(yaml) {
  const found = {};
  let key;
  for (const line of yaml.split("\n").map((each) => each.replace(/\s+#.*$/, ""))) {
    const entry = line.match(/^(\w+):\s*(.*?)\s*$/);
    const item = line.match(/^\s*-\s+(.*?)\s*$/);
    if (entry) {
      key = entry[1];
      const list = entry[2].match(/^\[(.*)\]$/);
      found[key] = list ? list[1].split(",").map(unquoted) : entry[2] ? [unquoted(entry[2])] : [];
    } else if (item && key) found[key].push(unquoted(item[1]));
  }
  return found;
}

const unquoted = (value) => value.trim().replace(/^(["'])(.*)\1$/, "$2");

/** Yield a paragraph for each fact of the metadata. */
function* facts({ datasets = [], license = [], license_name: named = [], license_link: link = [] }) {
  const names = (values) => values.slice(0, 20).filter((each) => REFERENCE.test(each));
  const data = names(datasets).join(", ");
  if (data) yield fact("Data", data);
  const licence = names(named.length ? named : license)
    .map((each) => (each.length < 5 ? each.toUpperCase() : each)) // "mit"
    .join(", ");
  if (!licence) return;
  yield fact("Licence", WEB.test(link[0]) ? element("a", { href: link[0] }, licence) : licence);
}

const fact = (name, value) => element("p", {}, element("strong", {}, `${name}:`), " ", value);
