// Starts Swagger UI on the API's own description.
"use strict";

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: false, // it would put a link into each heading that is a control already
  defaultModelsExpandDepth: -1, // each is shown where it is used
  validatorUrl: null, // the default asks swagger.io
  // They are below the title, with nothing in between.
  onComplete: () => document.querySelectorAll("h3.opblock-tag").forEach((heading) => heading.setAttribute("aria-level", "2")),
});
