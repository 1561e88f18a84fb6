// Starts Swagger UI on the API's own description.
"use strict";

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  validatorUrl: null, // the default asks swagger.io
});
