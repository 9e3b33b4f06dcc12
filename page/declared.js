// What the release can do: its systems with their settings, entities and rules, asked once.
import { get } from "./api.js";

let asked = null;
/** The API's declarations; they are those of the release, so they are asked once. */
export function declarations() {
  asked ??= get("declarations").then(({ body }) => body, (error) => {
    asked = null;
    throw error;
  });
  return asked;
}

export const systemOf = (declared, config) => declared.systems.find(({ name }) => name === config.system);
export const titleOf = (declared, system) => declared.systems.find(({ name }) => name === system)?.title ?? system;
