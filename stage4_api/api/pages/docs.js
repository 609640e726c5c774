"use strict";
// Shows the OpenAPI document, and lets one try what it describes. All text goes in as text, never as HTML.

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const resolved = (schema, api) =>
  schema.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;

const kindOf = (schema) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.type === "array") return `list of ${kindOf(schema.items || {})}`;
  return schema.const || schema.type || "any";
};

const table = (names, rows) =>
  element("table", {},
    element("thead", {}, element("tr", {}, ...names.map((name) => element("th", {}, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))))));

const fieldsOf = (schema, api) => {
  const found = resolved(schema, api);
  const needed = new Set(found.required || []);
  return Object.entries(found.properties || {}).map(([name, field]) => [
    element("code", {}, name), kindOf(field),
    (needed.has(name) ? "needed. " : "") + (field.description || "") +
      ("default" in field && field.default !== null ? ` Default: ${JSON.stringify(field.default)}` : ""),
  ]);
};

const send = async (method, path, operation, form, shown) => {
  const headers = {};
  const query = new URLSearchParams();
  let target = path;
  for (const input of form.querySelectorAll("[data-in]")) {
    const { in: place, name } = input.dataset;
    if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (!input.value) continue;
    else if (place === "query") query.append(name, input.value);
    else headers[name] = input.value;
  }
  const token = document.getElementById("token").value;
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = form.querySelector("textarea");
  if (body) headers["Content-Type"] = "application/json";
  const address = target + (query.size ? `?${query}` : "");
  shown.textContent = `${method} ${address} …`;
  try {
    const answer = await fetch(address, { method, headers, body: body ? body.value : undefined });
    shown.textContent = `${answer.status} ${answer.statusText}\n`;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      shown.textContent = `${answer.status}\n${text}`;
    }
    if ((answer.headers.get("Content-Type") || "").includes("json") && text)
      shown.textContent = `${answer.status}\n${JSON.stringify(JSON.parse(text), null, 2)}`;
  } catch (error) {
    shown.textContent = `no answer: ${error}`;
  }
};

const operationOf = (method, path, operation, api) => {
  const box = element("details", { id: operation.operationId },
    element("summary", {}, element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("code", {}, path), operation.summary));
  const form = element("form");
  const inputs = operation.parameters.map((parameter) => [
    element("code", {}, parameter.name), `${parameter.in}, ${kindOf(parameter.schema)}`,
    element("input", { "data-in": parameter.in, "data-name": parameter.name, "aria-label": parameter.name }),
    parameter.description || "",
  ]);
  if (inputs.length) form.append(table(["parameter", "kind", "value", ""], inputs));
  const schema = operation.requestBody?.content["application/json"].schema;
  if (schema) {
    form.append(table(["body", "kind", ""], fieldsOf(schema, api)));
    const example = resolved(schema, api).required?.includes("content") ? '{"name": "hello", "content": "echo hello"}' : "{}";
    form.append(element("textarea", { "aria-label": "body" }, example));
  }
  const shown = element("pre", { hidden: "" });
  form.append(element("button", {}, "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    shown.hidden = false;
    send(method.toUpperCase(), path, operation, form, shown);
  });
  const answers = Object.entries(operation.responses).map(([status, answer]) => [status, answer.description]);
  box.append(element("p", {}, operation.description), form, shown, table(["status", "when"], answers));
  return box;
};

const show = async () => {
  const api = await (await fetch("/api/v1/openapi.json")).json();
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const main = document.getElementById("operations");
  for (const tag of ["tasks", "agents", "service"]) {
    main.append(element("h2", {}, tag));
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.tags.includes(tag)) main.append(operationOf(method, path, operation, api));
  }
  const problems = document.getElementById("problems");
  for (const problem of api["x-problems"])
    problems.querySelector("tbody").append(element("tr", { id: problem.code },
      element("td", {}, element("code", {}, problem.code)), element("td", {}, String(problem.status)),
      element("td", {}, problem.title)));
  problems.hidden = false;
  if (location.hash) {
    // Set again: what it names was not there yet.
    const hash = location.hash;
    location.hash = "";
    location.hash = hash;
  }
};

show().catch((error) => { document.getElementById("about").textContent = `The document can't be read: ${error}`; });
