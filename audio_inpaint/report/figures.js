/** An element with attributes and children; text stays text, whatever it holds. */
function element(tag, attributes = {}, ...children) { return dressed(document.createElement(tag), attributes, children); }

const svg = document.getElementById("player").content.querySelector("svg").namespaceURI;
function drawn(tag, attributes = {}, ...children) { return dressed(document.createElementNS(svg, tag), attributes, children); }

function dressed(made, attributes, children) {
  for (const [name, given] of Object.entries(attributes)) if (given !== undefined) made.setAttribute(name, given);
  made.append(...children);
  return made;
}

function shown(x, digits = 2) {
  if (Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  return (Number(x.toFixed(digits)) + 0).toFixed(digits).replace("-", "−"); // + 0 turns -0 into 0
}

/** One stop of the tabulator for a whole picture; arrows go from shape to shape. */
function walkable(picture, shapes) {
  shapes[0]?.setAttribute("tabindex", 0);
  picture.addEventListener("keydown", (event) => {
    const here = shapes.indexOf(event.target), step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (here < 0) return;
    if (event.key === "Enter" || event.key === " ") shapes[here].dispatchEvent(new Event("click"));
    else if (step && shapes[here + step]) {
      shapes[here].setAttribute("tabindex", -1);
      shapes[here + step].setAttribute("tabindex", 0);
      shapes[here + step].focus();
    } else if (!step) return;
    event.preventDefault();
    event.stopPropagation(); // the same keys move the player
  });
}

const tip = document.getElementById("tip");
function showTip(words, beside) {
  const [head, ...lines] = words.split("; ");
  tip.replaceChildren(element("b", {}, head), ...lines.flatMap((text) => [element("br"), text]));
  tip.hidden = false;
  const box = beside.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const x = clamp(box.right + 12, 8, innerWidth - 8), y = clamp(box.top - 8, 8, innerHeight - size.height - 8);
  tip.style.translate = `${x + size.width > innerWidth - 8 ? Math.max(8, box.left - 12 - size.width) : x}px ${y}px`;
}
function hideTip() { tip.hidden = true; }
