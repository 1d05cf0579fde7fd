// What browser.py asks of a page: pale(), overflowing(), reachable(), focus().
(() => {
  const rgba = text => {
    const n = text.match(/[\d.]+/g).map(Number);
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const over = (top, below) => [...top.slice(0, 3).map((c, i) => top[3] * c + (1 - top[3]) * below[i]), 1];
  const light = colour => {
    const [r, g, b] = colour.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // the colour behind an element; null behind a picture
  const ground = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      if (getComputedStyle(e).backgroundImage !== 'none') return null;
      layers.push(rgba(getComputedStyle(e).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const name = e => `${e.tagName}.${e.className} ${(e.textContent || '').trim().slice(0, 40)}`;

  // text below the contrast of WCAG AA: 4.5, or 3 where it is large
  window.pale = () => {
    for (const e of document.querySelectorAll('details')) e.open = true;
    const found = {}, walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const element = walk.currentNode.parentElement, style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      if (!walk.currentNode.textContent.trim() || box.width < 2 || box.height < 2) continue;
      if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
      const below = ground(element);
      if (!below || element.closest('script, style, noscript')) continue;
      const ink = rgba(element.closest('svg') && style.fill !== 'none' ? style.fill : style.color);
      const [a, b] = [light(over(ink, below)), light(below)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) found[name(element)] = ratio.toFixed(2);
    }
    return found;
  };

  // what sticks out at the right, unless its own box scrolls
  window.overflowing = () => {
    const found = [], root = document.documentElement, room = root.clientWidth;
    if (root.scrollWidth > room + 1) found.push(`the page: ${root.scrollWidth} in ${room} pixels`);
    const held = e => {
      for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
        if (getComputedStyle(p).overflowX !== 'visible') return true;
      return false;
    };
    for (const e of document.body.querySelectorAll('*')) {
      const box = e.getBoundingClientRect();
      if (box.right > room + 1 && box.width > 1 && box.left < room && e.checkVisibility() && !held(e))
        found.push(name(e));
    }
    return found.slice(0, 5);
  };

  // how many places the Tab key should stop at
  window.reachable = () => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0)
    .filter(e => e.getBoundingClientRect().width > 1).length;

  // whether the Tab key came to a new place, and whether one sees it
  const seen = new Set();
  window.focus_now = () => {
    const e = document.activeElement, style = getComputedStyle(e);
    const fresh = e !== document.body && !seen.has(e);
    seen.add(e);
    return [fresh, style.outlineStyle !== 'none' || style.boxShadow !== 'none' || e.tagName === 'INPUT', name(e)];
  };
})()
