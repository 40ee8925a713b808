// The demo people: one click fills the form in.
const username = document.getElementById('username');
const password = document.getElementById('password');

for (const button of document.querySelectorAll('[data-username]')) {
  button.addEventListener('click', () => {
    username.value = button.dataset.username;
    password.value = button.dataset.password;
    password.form.querySelector('button[type="submit"]').focus();
  });
}
