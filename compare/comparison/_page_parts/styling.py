"""The looks and the script of the report: all in the page, nothing is fetched."""

CSS = """
:root { --ink: #1a1a1a; --soft: #555; --line: #ddd; --ground: #fff; --plate: #f6f6f6; --bad: #a40000; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
p.answer { font-size: 1.15rem; border-left: 4px solid #0072B2; padding: 0.2rem 0 0.2rem 0.9rem; }
p.warning { color: var(--bad); border-left: 4px solid var(--bad); padding: 0.2rem 0 0.2rem 0.9rem; }
.wrong { color: var(--bad); }
p.note, .note { color: var(--soft); font-size: 0.9rem; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
table.words .said { text-align: left; white-space: normal; }
table.shares td { white-space: normal; }
details table { font-size: 0.72rem; }
details th, details td { padding: 0.2rem 0.35rem; }
details th { white-space: normal; }
td.transition { text-align: left; color: var(--soft); font-style: italic; background: var(--plate);
  white-space: normal; }
.chip { display: inline-block; width: 0.75em; height: 0.75em; border-radius: 2px; margin-right: 0.4em; }
pre { background: var(--plate); padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
button { font: inherit; padding: 0.2rem 0.8rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .soft, svg .at { stroke: #777; stroke-dasharray: 2 3; }
.readout { min-height: 3.2em; font-variant-numeric: tabular-nums; }
.readout span { white-space: nowrap; margin-right: 1.1em; }
.strip { display: flex; flex-wrap: wrap; gap: 0.8rem; }
.strip figure { margin: 0; text-align: center; font-size: 0.8rem; }
.strip img { width: 7rem; height: 7rem; object-fit: contain; image-rendering: pixelated; background: #000; }
input[type=range] { width: min(24rem, 100%); }
:focus-visible { outline: 3px solid #0072B2; outline-offset: 2px; }
@page { size: A4; margin: 12mm; }
@media print {
  body { font-size: 9pt; line-height: 1.3; max-width: none; margin: 0; padding: 0; }
  details, .control, .readout, h2.cite { display: none; }
  h1 { font-size: 14pt; margin-top: 0; }
  h2 { font-size: 11pt; margin: 0.7rem 0 0.3rem; break-after: avoid; }
  p, p.answer { font-size: 9pt; margin: 0.3rem 0; }
  th, td { padding: 0.08rem 0.5rem; }
  pre { padding: 0.3rem; margin: 0.3rem 0; }
  figure.values { margin: 0; }
  figure.values svg { max-height: 7.5cm; }
  .level, .level[hidden] { display: flex; gap: 0.6rem; align-items: center; margin: 0.15rem 0; break-inside: avoid; }
  .level p { min-width: 6rem; }
  .strip { gap: 0.5rem; flex-wrap: nowrap; }
  .strip figure { font-size: 6.5pt; line-height: 1.1; }
  .strip img { width: 2.7rem; height: 2.7rem; }
  table, svg, .strip { break-inside: avoid; }
}
"""

SCRIPT = """
document.querySelectorAll('figure.values').forEach(figure => {
  const svg = figure.querySelector('svg'), line = svg.querySelector('.at'), readout = figure.querySelector('.readout');
  const levels = JSON.parse(figure.querySelector('script').textContent), empty = readout.innerHTML;
  let shown = -1;
  const show = k => {
    shown = Math.max(0, Math.min(levels.length - 1, k));
    const level = levels[shown];
    line.setAttribute('x1', level.x); line.setAttribute('x2', level.x); line.setAttribute('visibility', 'visible');
    readout.replaceChildren(...level.said.map(([colour, words]) => {
      const part = document.createElement('span'), chip = document.createElement('i');
      chip.className = 'chip'; chip.style.background = colour;
      part.append(...(colour ? [chip] : []), words);
      return part;
    }));
  };
  svg.addEventListener('mousemove', event => {
    const place = svg.createSVGPoint();
    place.x = event.clientX; place.y = event.clientY;
    const x = place.matrixTransform(svg.getScreenCTM().inverse()).x;
    show(levels.reduce((best, level, k) => Math.abs(level.x - x) < Math.abs(levels[best].x - x) ? k : best, 0));
  });
  svg.addEventListener('mouseleave', () => {
    line.setAttribute('visibility', 'hidden'); readout.innerHTML = empty; shown = -1;
  });
  svg.addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) { show(shown + step); event.preventDefault(); }
  });
});
document.querySelectorAll('.pictures').forEach(pictures => {
  const levels = pictures.querySelectorAll('.level'), slider = pictures.querySelector('input');
  const show = () => levels.forEach((level, k) => { level.hidden = k !== Number(slider.value); });
  pictures.querySelector('.control').hidden = false;
  slider.addEventListener('input', show);
  show();
});
document.querySelectorAll('button.copy').forEach(button => {
  button.hidden = false;
  button.addEventListener('click', () => navigator.clipboard.writeText(button.dataset.text).then(
    () => { button.textContent = 'Copied'; }));
});
"""
