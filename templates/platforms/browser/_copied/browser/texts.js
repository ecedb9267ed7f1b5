// Texts of the page in the visitor's language, by the files that the Python app has too.
import { filled } from "./errors.js";

const LANGUAGES = ["de", "es", "fr", "ja", "zh-CN"]; // besides English
const SIMPLIFIED = /^zh(-hans.*|-sg|-my|-cn)?$/; // that zh-CN is written in, too

/** Return the first of the visitor's languages that is one of ours. */
export function negotiated(wanted) {
  for (const tag of wanted.map((each) => each.toLowerCase())) {
    if (SIMPLIFIED.test(tag)) return "zh-CN";
    const [language] = tag.split("-");
    if (language === "en" || LANGUAGES.includes(language)) return language;
  }
  return "en";
}

export const language = negotiated(navigator.languages);
let words = {};
if (language !== "en") {
  try {
    words = await (await fetch(`ml_ui/languages/${language}.json`)).json();
  } catch (error) {
    console.warn("No translation", error); // the texts are English
  }
}

/** Return a text, or that of a VisitorError, in the visitor's language. */
export function translated(key, values) {
  return filled(words[key] ?? key, values);
}

/** Create an element: its attributes, and what is in it. */
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content);
  return made;
}

/** Create an element with a text of ours, marked with its language. */
export function text(name, key, attributes = {}) {
  return element(name, { lang: language, ...attributes }, translated(key));
}
