// Errors for visitors: what is wrong with an input, in words that can be translated.

export class VisitorError extends Error {
  /**
   * @param {string} text in English, as the files of translations have it
   * @param {Object<string, string | number>} values what varies in it, by name
   */
  constructor(text, values = {}) {
    super(filled(text, values));
    this.name = "VisitorError";
    this.text = text;
    this.values = values;
  }
}

/** Return a text with each {name} in it replaced by its value. */
export function filled(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}
