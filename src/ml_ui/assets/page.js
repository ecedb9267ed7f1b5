// Names and roles for screen readers that Gradio leaves out: see docs/upstream.md.
{
  // A picture in a button: of an example its file's name, of an answer its field's.
  const name = (image) => {
    const button = image.closest("button");
    const file = decodeURIComponent(image.src.split("/").pop());
    const example = file.replace(/\.\w+$/, "").replaceAll("_", " ");
    if (button.closest(".examples")) button.dataset.example = example;
    else if (button.ariaLabel) return;
    const field = image.closest(".block")?.querySelector("label")?.textContent.trim();
    image.alt = (button.dataset.example ?? field) || example;
  };
  const look = () => {
    document.querySelectorAll("button img:is(:not([alt]), [alt=''])").forEach((each) => name(each));
    document.querySelectorAll("div[aria-label]:not([role])").forEach((each) => (each.role = "img"));
    // The name is another one than the text that is shown.
    document.querySelectorAll("button[aria-dropeffect][aria-label]")
      .forEach((each) => each.removeAttribute("aria-label"));
  };
  new MutationObserver(look).observe(document.documentElement, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["src", "aria-label"],
  });
}
