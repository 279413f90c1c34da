// Every page's script. Each part makes something better that works without it.

import { applyFilters, filters } from './filter.js';
import { listen } from './live.js';
import { keepTime, tick } from './times.js';

keepTime();
filters();
menus();
listen(() => {
  applyFilters();
  tick();
});

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
