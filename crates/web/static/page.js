// Every page's script. Each part makes something better that works without it.

import { applyFilters, filters } from './filter.js';
import { listen } from './live.js';
import { keepTime, tick } from './times.js';

keepTime();
filters();
menus();
chosen();
listen(() => {
  applyFilters();
  tick();
});

/** Of many jobs or tabs in a row, the one that is shown is in sight. */
function chosen() {
  document.querySelectorAll('.jobs > [aria-current], .tabs > [aria-current]').forEach((link) => {
    const row = link.parentElement;
    const [around, own] = [row, link].map((element) => element.getBoundingClientRect());
    row.scrollLeft += own.left - around.left - (around.width - own.width) / 2;
    row.scrollTop += own.top - around.top - (around.height - own.height) / 2;
  });
}

/** A menu closes by Escape, and by a click anywhere else. */
function menus() {
  const close = (menu) => { menu.open = false; };
  addEventListener('click', (event) => {
    document.querySelectorAll('details.menu[open]').forEach((menu) => menu.contains(event.target) || close(menu));
  });
  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    document.querySelectorAll('details.menu[open]').forEach((menu) => {
      close(menu);
      menu.querySelector('summary').focus();
    });
  });
}
