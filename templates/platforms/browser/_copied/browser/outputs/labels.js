// Labels as output: the likeliest in large, then bars.
import { element } from "../texts.js";

/** Show the probability of each label, the likeliest first; return what is announced. */
export function show(place, answer, most = 5) {
  if (typeof answer === "string") {
    place.append(element("p", { class: "first" }, answer)); // a label alone
    return answer;
  }
  const ranked = Object.entries(answer).sort(([, one], [, other]) => other - one).slice(0, most);
  const rows = ranked.map(([label, share]) => {
    const bar = element("progress", { max: 1, value: share, "aria-hidden": "true" });
    return element(
      "li", {},
      element("span", { class: "name" }, label),
      element("span", { class: "share" }, percent(share)),
      bar,
    );
  });
  const [best, share] = ranked[0];
  place.append(element("p", { class: "first" }, best), element("ol", { class: "labels" }, ...rows));
  return `${best}, ${percent(share)}`;
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}
