import createClient from "openapi-fetch";

import type { paths } from "./schema";

/** What the server says when it refuses: its kind, and a sentence that ends with what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

let csrf = "";

/** The word of the session, which every change repeats. */
export function repeatWord(word: string): void {
  csrf = word;
}

export const api = createClient<paths>({ baseUrl: "/" });

api.use({
  onRequest({ request }) {
    if (csrf && request.method !== "GET") request.headers.set("x-endcap-csrf", csrf);
    return request;
  },
});

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws `ApiError` for a refusal and where nobody answered. */
export async function unwrap<T>(asked: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>;
  try {
    answered = await asked;
  } catch {
    throw new ApiError(0, "Unreachable", "The server does not answer. Is `endcap serve` running?");
  }
  if (answered.data !== undefined) return answered.data;
  const said = answered.error as { __type?: string; message?: string } | undefined;
  const status = answered.response.status;
  throw new ApiError(status, said?.__type ?? "Error", said?.message ?? `The server answered ${status}.`);
}

/** Send a file as it is; `onProgress` gets the share that was sent (0 … 1). Throws `ApiError`. */
export function upload<T>(path: string, file: Blob, type: string, onProgress?: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    // fetch tells nothing of how much was sent.
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("content-type", type);
    if (csrf) request.setRequestHeader("x-endcap-csrf", csrf);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, "Unreachable", "The server does not answer."));
    request.onload = () => {
      const said = parsed(request.responseText);
      if (request.status === 200) resolve(said as T);
      else reject(refused(request.status, said));
    };
    request.send(file);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(status: number, said: unknown): ApiError {
  const told = said as { __type?: string; message?: string } | undefined;
  return new ApiError(status, told?.__type ?? "Error", told?.message ?? `The server answered ${status}.`);
}
