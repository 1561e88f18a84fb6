// Signing up and logging in.

import { logIn, signUp } from "./api.js";
import { find } from "./dom.js";

/** Makes the form work; `onDone` is called once a session has begun. */
export function setUpAuth(onDone) {
  const form = find("#auth-form");
  const error = find("#auth-error");
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
    error.hidden = true;
  }

  for (const tab of form.querySelectorAll("[data-mode]")) tab.addEventListener("click", () => switchTo(tab.dataset.mode));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    const { email, password, display_name: displayName } = Object.fromEntries(new FormData(form));
    submit.disabled = true;
    error.hidden = true;
    try {
      if (mode === "sign-up") await signUp({ email, password, display_name: displayName.trim() });
      await logIn({ email, password });
      form.reset();
      switchTo("log-in");
      await onDone();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
}
