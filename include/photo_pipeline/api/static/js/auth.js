// Signing up and logging in.

import { logIn, signUp } from "./api.js";
import { find } from "./dom.js";
import { sentence } from "./forms.js";

const FIELDS = { "/display_name": "display_name", "/email": "email", "/password": "password" };
const NAMES = { display_name: "Name", email: "E-mail address", password: "Password" };

/** Makes the form work; `onDone` is called once a session has begun. */
export function setUpAuth(onDone) {
  const form = find("#auth-form");
  const error = find("#auth-error");
  const instead = find("#auth-instead");
  const submit = find("button[type=submit]", form);
  let mode = "log-in";

  function switchTo(next) {
    mode = next;
    for (const tab of form.querySelectorAll("[data-mode]")) tab.setAttribute("aria-pressed", String(tab.dataset.mode === mode));
    for (const part of form.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== mode;
    form.elements.display_name.required = mode === "sign-up";
    form.elements.password.autocomplete = mode === "sign-up" ? "new-password" : "current-password";
    form.elements.password.minLength = mode === "sign-up" ? 10 : 0;
    submit.textContent = mode === "sign-up" ? "Sign up" : "Log in";
    forgive();
  }

  function forgive() {
    error.hidden = true;
    instead.hidden = true;
    for (const name of Object.keys(NAMES)) form.elements[name].removeAttribute("aria-invalid");
  }

  function blame(problem) {
    const wrong = (problem.problem.errors ?? []).filter(({ pointer }) => pointer in FIELDS);
    error.textContent = wrong.length === 0 ? sentence(problem)
      : wrong.map(({ pointer, detail }) => `${NAMES[FIELDS[pointer]]}: ${detail}`).join(" ");
    error.hidden = false;
    instead.hidden = !(mode === "sign-up" && problem.status === 409);
    for (const { pointer } of wrong) form.elements[FIELDS[pointer]].setAttribute("aria-invalid", "true");
    if (wrong.length > 0) form.elements[FIELDS[wrong[0].pointer]].focus();
  }

  for (const tab of form.querySelectorAll("[data-mode]")) tab.addEventListener("click", () => switchTo(tab.dataset.mode));
  instead.addEventListener("click", () => {
    switchTo("log-in");
    form.elements.password.focus();
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    const { email, password, display_name: displayName } = Object.fromEntries(new FormData(form));
    submit.disabled = true;
    forgive();
    try {
      if (mode === "sign-up") {
        await signUp({ email, password, display_name: displayName.trim() });
        // From here on there is an account: another try is a log-in.
        switchTo("log-in");
      }
      await logIn({ email, password });
      form.reset();
      switchTo("log-in");
      await onDone();
    } catch (problem) {
      blame(problem);
    } finally {
      submit.disabled = false;
    }
  });
}
