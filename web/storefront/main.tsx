import { start } from "../ui/Root";
import { App } from "./App";

start(<App />);
