'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tip = document.getElementById('tip');

  const say = (bar) => {
    tip.hidden = !bar;
    if (!bar) return;
    if (bar.title) { bar.dataset.says = bar.title; bar.removeAttribute('title'); }
    tip.textContent = bar.dataset.says;
  };
  // What a bar says, where the pointer is. The title stays for those without a script.
  document.addEventListener('pointerover', (event) => {
    say(event.target.closest('i[title], .clock[title], .map [title], [data-says]'));
  });
  const placeTip = (x, y) => {
    if (tip.hidden) return;
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(x + 14, innerWidth - width - 8);
    const below = y + 18;
    const top = below + height > innerHeight ? y - height - 12 : below;
    tip.style.left = `${Math.max(left, 8)}px`;
    tip.style.top = `${top}px`;
  };
  document.addEventListener('pointermove', (event) => placeTip(event.clientX, event.clientY));
  // Of the map's cell that the keyboard has come to, wherever it scrolls; else of nothing.
  const sayFocus = () => {
    const link = document.querySelector('.map td a:focus-visible');
    say(link?.firstElementChild);
    if (!link) return;
    const { left, bottom } = link.getBoundingClientRect();
    placeTip(left, bottom - 10);
  };
  addEventListener('scroll', sayFocus, { passive: true, capture: true });

  for (const button of all('button.copy')) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const line = button.parentElement.querySelector('.line').textContent;
      try {
        await navigator.clipboard.writeText(line);
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed';
      }
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    });
  }

  // A link to something that is folded unfolds it.
  const unfold = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    const folded = target.closest('details');
    if (folded) folded.open = true;
    if (target.matches('details')) target.querySelector('summary').focus({ preventScroll: true });
    target.scrollIntoView();
  };
  addEventListener('hashchange', unfold);
  unfold();
  // A second click on the same link changes no hash.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute('href') === location.hash) unfold();
  });
  // Paper shows what is worth a page: the runs of a set, and the first violations.
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = [...all('details.cell'), ...[...all('details.violation')].slice(0, 3)].filter((one) => !one.open);
    for (const one of opened) one.open = true;
  });
  addEventListener('afterprint', () => { for (const one of opened) one.open = false; });

  // The map of a sweep: one stop for the Tab key, arrows from cell to cell, rows to choose.
  const chart = (map) => {
    const heads = all('thead th', map);
    const rows = all('tbody tr:not(.group)', map);
    const tools = document.querySelector('.tools');
    for (const link of all('td a', map)) link.tabIndex = -1;
    const stop = () => {
      const links = all('td a', map).filter((link) => !link.closest('[hidden]'));
      if (!links.length || links.some((link) => link.tabIndex === 0)) return;
      (links.find((link) => !link.closest('.off')) || links[0]).tabIndex = 0;
    };
    const beside = (cell, right, down) => {
      const shown = rows.filter((row) => !row.closest('[hidden]'));
      let column = cell.cellIndex;
      let line = shown.indexOf(cell.parentElement);
      for (;;) {
        column += right;
        line += down;
        const next = column > 0 && shown[line]?.cells[column];
        if (!next) return null;
        const link = next.querySelector('a');
        if (link) return link;
      }
    };
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    map.addEventListener('keydown', (event) => {
      const cell = event.target.closest('td');
      const way = ways[event.key];
      if (!cell || !way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      beside(cell, ...way)?.focus();
    });
    const here = (cell) => heads.forEach((head, i) => {
      head.classList.toggle('here', i > 0 && i === cell?.cellIndex);
    });
    map.addEventListener('focusin', (event) => {
      const link = event.target.closest('td a');
      if (!link) return;
      for (const other of all('td a[tabindex="0"]', map)) other.tabIndex = -1;
      link.tabIndex = 0;
      here(link.closest('td'));
      sayFocus();
    });
    map.addEventListener('focusout', () => say(null));
    map.addEventListener('pointerover', (event) => here(event.target.closest('td')));
    const choose = (fits) => {
      let count = 0;
      for (const row of rows) {
        const those = fits ? all('td', row).map((cell) => [cell, fits(cell)]) : [];
        row.hidden = Boolean(fits) && !those.some(([, fit]) => fit);
        for (const cell of all('td.off', row)) cell.classList.remove('off');
        for (const [cell, fit] of those) cell.classList.toggle('off', !fit);
        count += row.hidden ? 0 : 1;
      }
      for (const body of all('tbody', map)) {
        body.hidden = all('tr:not(.group)', body).every((row) => row.hidden);
      }
      tools.querySelector('.shown').textContent = `${count} of ${rows.length} points`;
      for (const link of all('td a[tabindex="0"]', map)) {
        if (link.closest('[hidden], .off')) link.tabIndex = -1;
      }
      stop();
    };
    const press = (pressed) => {
      for (const button of all('button[data-want]')) {
        button.setAttribute('aria-pressed', String(button === pressed));
      }
    };
    for (const button of all('button[data-want]')) {
      const { want } = button.dataset;
      button.addEventListener('click', () => {
        press(button);
        choose(want && ((cell) => cell.dataset.is === want));
      });
    }
    for (const button of all('button.where')) {
      const { finding } = button.dataset;
      button.hidden = false;
      button.addEventListener('click', () => {
        press(null);
        choose((cell) => (cell.dataset.of || '').split(' ').includes(finding));
        document.getElementById('map').scrollIntoView();
        map.querySelector('td a[tabindex="0"]')?.focus({ preventScroll: true });
      });
    }
    tools.hidden = false;
    choose(null);
  };
  for (const map of all('.map')) chart(map);

  // The table of a set: one stop for the Tab key, arrows from cell to cell; and what to choose and
  // to sort, of it and of the runs below it.
  const arrows = (table) => {
    const links = () => all('td > a', table).filter((link) => link.offsetParent);
    const stop = (wanted) => {
      for (const link of all('td > a', table)) link.tabIndex = -1;
      const shown = links();
      const one = shown.includes(wanted) ? wanted : shown[0];
      if (one) one.tabIndex = 0;
    };
    table.addEventListener('focusin', (event) => {
      const link = event.target.closest('td > a');
      if (link) stop(link);
    });
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    table.addEventListener('keydown', (event) => {
      const cell = event.target.closest('td');
      const way = ways[event.key];
      if (!cell || !way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const rows = all('tbody tr', table).filter((row) => !row.hidden);
      let column = cell.cellIndex;
      let line = rows.indexOf(cell.parentElement);
      for (;;) {
        column += way[0];
        line += way[1];
        const next = column > 0 && rows[line]?.cells[column];
        if (!next) return;
        const link = next.hidden ? null : next.querySelector('a');
        if (link) { link.focus(); return; }
      }
    });
    stop();
    return stop;
  };
  const choosing = (tools) => {
    const table = document.querySelector('.matrix');
    const stop = arrows(table);
    const heads = all('thead th', table);
    const rows = all('tbody tr', table);
    const cells = all('.cells > .cell');
    const fields = { lock: '', scenario: '' };
    const wanted = new Set();
    const fits = (name, by) => name.toLowerCase().includes(fields[by]);
    const has = (kinds) => !wanted.size || kinds.split(' ').some((kind) => wanted.has(kind));
    const show = () => {
      const columns = heads.map((head, i) => i === 0 || fits(head.textContent, 'scenario'));
      const left = columns.map(() => false);
      for (const row of rows) {
        let some = false;
        for (const cell of [...row.cells].slice(1)) {
          const there = columns[cell.cellIndex] && Boolean(cell.dataset.is);
          const good = there && has(cell.dataset.is);
          cell.classList.toggle('off', there && !good);
          some ||= good;
        }
        row.hidden = !some || !fits(row.dataset.lock, 'lock');
        if (row.hidden) continue;
        for (const cell of [...row.cells].slice(1)) left[cell.cellIndex] ||= Boolean(cell.dataset.is);
      }
      const free = !wanted.size && !fields.lock && !fields.scenario;
      if (free) for (const row of rows) row.hidden = false;
      for (const row of [heads[0].parentElement, ...rows]) {
        for (const cell of [...row.cells].slice(1)) {
          cell.hidden = !free && !(columns[cell.cellIndex] && left[cell.cellIndex]);
        }
      }
      let count = 0;
      let of = 0;
      for (const cell of cells) {
        const mine = fits(cell.dataset.lock, 'lock') && fits(cell.dataset.scenario, 'scenario');
        let some = 0;
        const runs = all('tbody tr', cell);
        for (const run of runs) {
          run.hidden = !(mine && has(run.dataset.is));
          some += run.hidden ? 0 : 1;
        }
        cell.hidden = !some;
        count += some;
        of += runs.length;
      }
      const shown = tools.querySelector('.shown');
      const what = shown.dataset.what;
      const shownRows = rows.filter((row) => !row.hidden).length;
      shown.textContent = cells.length
        ? `${count} of ${of} ${what}` : `${shownRows} of ${rows.length} ${what}`;
      stop();
    };
    const first = new Map(cells.map((cell, i) => [cell, i]));
    const firstRow = new Map(rows.map((row, i) => [row, i]));
    const number = (cell, key, missing) => (key in cell.dataset ? Number(cell.dataset[key]) : missing);
    const text = (a, b, key) => (a.dataset[key] || '').localeCompare(b.dataset[key] || '');
    const orders = {
      lock: (a, b) => text(a, b, 'lock'),
      scenario: (a, b) => text(a, b, 'scenario'),
      sections: (a, b) => number(a, 'sections', Infinity) - number(b, 'sections', Infinity),
      wait: (a, b) => number(b, 'wait', -1) - number(a, 'wait', -1),
    };
    const sort = (by) => {
      const order = orders[by] || (() => 0);
      const sorted = [...cells].sort((a, b) => order(a, b) || first.get(a) - first.get(b));
      if (cells.length) cells[0].parentElement.append(...sorted);
      const ofRows = by === 'lock' ? orders.lock : () => 0;
      rows.sort((a, b) => ofRows(a, b) || firstRow.get(a) - firstRow.get(b));
      rows[0]?.parentElement.append(...rows);
      stop();
    };
    for (const field of all('input[data-by]', tools)) {
      field.addEventListener('input', () => {
        fields[field.dataset.by] = field.value.trim().toLowerCase();
        show();
      });
    }
    const press = (button, on) => {
      button.setAttribute('aria-pressed', String(on));
      if (on) wanted.add(button.dataset.outcome); else wanted.delete(button.dataset.outcome);
    };
    for (const button of all('button[data-outcome]', tools)) {
      button.addEventListener('click', () => {
        press(button, !wanted.has(button.dataset.outcome));
        show();
      });
    }
    const select = tools.querySelector('select');
    select?.addEventListener('change', () => sort(select.value));
    tools.querySelector('button[data-all]').addEventListener('click', () => {
      for (const field of all('input[data-by]', tools)) { field.value = ''; fields[field.dataset.by] = ''; }
      for (const button of all('button[data-outcome]', tools)) press(button, false);
      if (select) { select.value = ''; sort(''); }
      show();
    });
    // As in other pages: the way to search without a pointer.
    document.addEventListener('keydown', (event) => {
      const busy = event.target.closest?.('input, select, textarea');
      if (event.key !== '/' || busy || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      tools.querySelector('input').focus();
    });
    tools.hidden = false;
    show();
  };
  for (const tools of all('.chooser')) choosing(tools);

  const inner = document.querySelector('.tl-inner');
  if (!inner) return;
  const scroll = inner.parentElement;
  const until = Number(inner.dataset.until) || 1;
  const axis = inner.querySelector('.axis');
  axis.dataset.live = '';
  // Browsers place things up to some ten million pixels.
  const most = () => Math.max(1, 8e6 / scroll.clientWidth);
  let zoom = 1;

  const words = (ns) => {
    const text = (ns / 1e9).toFixed(6).replace(/0+$/, '').replace(/\.$/, '');
    return `${text} s`;
  };
  const ticks = () => {
    const width = inner.clientWidth;
    const every = until * 90 / width;
    const scale = 10 ** Math.floor(Math.log10(every));
    const step = Math.max(1000, [1, 2, 5, 10].map((f) => f * scale).find((s) => s >= every));
    const first = Math.max(0, (scroll.scrollLeft - 200) / width * until);
    const last = Math.min(until, (scroll.scrollLeft + scroll.clientWidth + 200) / width * until);
    const made = [];
    for (let n = Math.floor(first / step); n * step <= last; n += 1) {
      const tick = document.createElement('i');
      tick.className = 'tick';
      tick.style.left = `${n * step / until * 100}%`;
      const label = document.createElement('span');
      label.textContent = words(n * step);
      tick.append(label);
      made.push(tick);
    }
    axis.replaceChildren(...made);
  };
  const zoomTo = (wanted, x = scroll.clientWidth / 2) => {
    const at = (scroll.scrollLeft + x) / inner.clientWidth;
    zoom = Math.min(Math.max(wanted, 1), most());
    inner.style.setProperty('--zoom', zoom);
    scroll.scrollLeft = at * inner.clientWidth - x;
    ticks();
  };
  const show = (from, to) => {
    zoomTo(until / Math.max(to - from, 1) * 0.9);
    scroll.scrollLeft = (from + to) / 2 / until * inner.clientWidth - scroll.clientWidth / 2;
    ticks();
  };
  const buttons = { in: () => zoomTo(zoom * 2), out: () => zoomTo(zoom / 2), all: () => zoomTo(1) };
  for (const tools of all('.tools')) tools.hidden = false;
  for (const button of all('button[data-zoom]')) {
    button.addEventListener('click', () => buttons[button.dataset.zoom]());
  }
  scroll.addEventListener('keydown', (event) => {
    const act = { '+': 'in', '=': 'in', '-': 'out', '0': 'all' }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    buttons[act]();
    event.preventDefault();
  });
  scroll.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY / 300), event.clientX - scroll.getBoundingClientRect().left);
  }, { passive: false });
  let asked = false;
  const later = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; ticks(); });
  };
  scroll.addEventListener('scroll', later, { passive: true });
  addEventListener('resize', later);
  for (const link of all('a.show')) {
    link.addEventListener('click', () => {
      show(Number(link.dataset.from), Number(link.dataset.until));
      scroll.focus({ preventScroll: true });
    });
  }
  ticks();
})();
