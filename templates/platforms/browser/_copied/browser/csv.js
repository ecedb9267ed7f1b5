// Rows of a CSV file, as ml_ui/examples.py reads it.

/** Return the rows of a file, names of columns first; none if it is not there. */
export async function rows(path) {
  const response = await fetch(path);
  return response.ok ? parsed(await response.text()) : [];
}

/** Return the rows of a text: its delimiter is the one that splits the first line most. */
export function parsed(source) {
  const text = source.replace(/^\ufeff/, "");
  const head = text.split("\n", 1)[0];
  const counts = [",", ";", "\t"].map((each) => [split(head, each)[0]?.length ?? 0, each]);
  const [, delimiter] = counts.reduce((best, each) => (each[0] > best[0] ? each : best));
  const found = split(text, delimiter).map((row) => row.map((cell) => cell.trim()));
  const filled = found.filter((row) => row.some((cell) => cell));
  if (delimiter !== ";") return filled; // that of countries where 1.5 is written 1,5
  return filled.map((row) => row.map((cell) => cell.replace(/^(-?\d+),(\d+)$/, "$1.$2")));
}

/** Split a text into rows of cells; what is quoted may hold delimiters, quotes and lines. */
function split(text, delimiter) {
  const rows = [];
  let [row, cell, quoted] = [[], "", false];
  const end = () => {
    rows.push([...row, cell]);
    [row, cell] = [[], ""];
  };
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[at++];
      else quoted = false;
    } else if (letter === '"' && !cell) quoted = true;
    else if (letter === delimiter) {
      row.push(cell);
      cell = "";
    } else if (letter === "\n") end();
    else if (letter !== "\r") cell += letter;
  }
  if (cell || row.length) end();
  return rows;
}
