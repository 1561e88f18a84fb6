// Forms that are sent by a script, and what is said of them.

import { find } from "./dom.js";

const TOO_MANY = 429;

/** What went wrong, as a person would say it: also how long a while is. */
export function sentence({ message, status, retryAfter }) {
  if (status !== TOO_MANY || retryAfter === 0) return message;
  const minutes = Math.ceil(retryAfter / 60);
  return `${message} Try again in ${minutes > 1 ? `${minutes} minutes` : `${Math.ceil(retryAfter)} seconds`}.`;
}

/**
 * Has a form do something when it is sent, once at a time.
 * @param {string} selector of a form with a button that sends it, and an element of the role alert
 * @param {(form: HTMLFormElement, tell: (text: string) => void) => Promise} work told where to tell what is wrong
 */
export function onSend(selector, work) {
  const form = find(selector);
  const submit = find("[type=submit]", form);
  const problem = find("[role=alert]", form);
  const tell = (text) => {
    problem.textContent = text;
    problem.hidden = false;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    submit.disabled = true;
    try {
      await work(form, tell);
    } finally {
      submit.disabled = false;
    }
  });
}
