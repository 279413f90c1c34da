// Fields that narrow a list while one types: the projects at the left, the repositories to choose from.

/** Wires each field to its list; `/` brings the focus to the first. */
export function filters() {
  for (const field of document.querySelectorAll('[data-filters]')) {
    field.addEventListener('input', () => narrow(field));
    field.addEventListener('keydown', (event) => event.key === 'Escape' && clear(field));
    if (field.value) narrow(field);
  }
  addEventListener('keydown', slash);
}

/** Applies what stands in the fields to lists that were just renewed. */
export function applyFilters() {
  document.querySelectorAll('[data-filters]').forEach((field) => field.value && narrow(field));
}

function slash(event) {
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector('[data-filters]');
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

function clear(field) {
  field.value = '';
  narrow(field);
}

function narrow(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = document.getElementById(field.dataset.filters);
  let hits = 0;
  for (const item of list.querySelectorAll('[data-name]')) {
    item.hidden = !words.every((word) => item.dataset.name.toLowerCase().includes(word));
    hits += item.hidden ? 0 : 1;
  }
  for (const group of list.querySelectorAll('[data-group]')) group.hidden = !group.querySelector('[data-name]:not([hidden])');
  const none = list.querySelector('[data-none]');
  if (none) none.hidden = hits > 0;
}
