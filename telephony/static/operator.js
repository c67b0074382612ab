/* The operators' token, kept for this tab; in the demonstration none is asked for. */

const KEY = 'shuiling.operator';
let spare = null;

export const token = () => {
  try { return sessionStorage.getItem(KEY); } catch { return spare; }
};

export const keep = (value) => {
  spare = value;
  try { sessionStorage.setItem(KEY, value); } catch { /* kept for this page only */ }
};

export const authorization = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

/* Shows the form until a token is entered, then calls `go`. */
export const ask = (form, go) => {
  form.hidden = false;
  form.elements.token.focus();
  form.onsubmit = (event) => {
    event.preventDefault();
    keep(form.elements.token.value.trim());
    form.elements.token.value = '';
    form.hidden = true;
    go();
  };
};
