// The dialog in which a session is put together: lists that can be searched.

let lists = 0;

/** A field that searches in a list of `{name, summary, source}`. */
export class Combobox {
  constructor(root, changed) {
    this.input = root.querySelector("input");
    this.about = root.querySelector(".about");
    this.changed = changed;
    this.value = "";
    this.items = [];
    this.list = document.createElement("ul");
    this.list.id = `list-${lists++}`;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", root.querySelector("label").textContent);
    this.list.hidden = true;
    this.input.after(this.list);
    for (const [name, value] of [
      ["role", "combobox"],
      ["aria-controls", this.list.id],
      ["aria-expanded", "false"],
      ["aria-autocomplete", "list"],
      ["autocomplete", "off"],
      ["spellcheck", "false"],
    ]) {
      this.input.setAttribute(name, value);
    }
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => this.open(""));
    this.input.addEventListener("input", () => {
      this.input.setCustomValidity("");
      this.open(this.input.value);
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.leave());
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // keeps the focus in the field
      const option = event.target.closest("[role=option]");
      if (option) this.take(option.dataset.name);
    });
  }

  fill(items) {
    this.items = items;
  }

  /** Shows a value without calling back. */
  set(name) {
    this.value = name;
    this.input.value = name;
    const item = this.items.find((one) => one.name === name);
    this.about.textContent = item ? item.summary : "";
    this.about.title = item?.source ?? "";
  }

  take(name) {
    this.close();
    if (name === this.value) return;
    this.set(name);
    this.changed(name);
  }

  open(words) {
    const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ name, summary }) => parts.every((part) => `${name} ${summary}`.toLowerCase().includes(part));
    this.list.replaceChildren(
      ...this.items.filter(fits).map((item, k) => {
        const option = document.createElement("li");
        option.setAttribute("role", "option");
        option.id = `${this.list.id}-${k}`;
        option.dataset.name = item.name;
        option.setAttribute("aria-selected", String(item.name === this.value));
        const name = document.createElement("b");
        name.textContent = item.name;
        const summary = document.createElement("span");
        summary.textContent = item.ticks === false ? `${item.summary} (no ticks to look at)` : item.summary;
        option.append(name, summary);
        return option;
      }),
    );
    this.list.hidden = !this.list.children.length;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    const chosen = [...this.list.children].findIndex((one) => one.dataset.name === this.value);
    this.point(words ? 0 : chosen);
  }

  /** A name that was typed counts as if it were chosen; what is no name is said to be none. */
  leave() {
    const typed = this.input.value.trim();
    if (typed === "" || typed === this.value) this.close();
    else if (this.items.some((one) => one.name === typed)) this.take(typed);
    else {
      this.close();
      this.input.value = typed;
      this.input.setCustomValidity(`There is no '${typed}': choose one of the list.`);
    }
  }

  close() {
    this.input.setCustomValidity("");
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.value;
  }

  point(k) {
    this.at = k;
    [...this.list.children].forEach((option, i) => option.classList.toggle("active", i === k));
    const option = this.list.children[k];
    if (option) {
      this.input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  }

  key(event) {
    const n = this.list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.open("");
      else this.point((this.at + (event.key === "ArrowDown" ? 1 : n - 1) + n) % n);
    } else if (event.key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      const option = this.list.children[Math.max(0, this.at)];
      if (option) this.take(option.dataset.name);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }
}

/** The dialog: task, rule, neuron, device, seed and settings; or a run folder. */
export class Chooser {
  constructor(dialog, send) {
    this.dialog = dialog;
    this.send = send;
    this.fields = {};
    for (const kind of ["task", "rule", "neuron", "device"]) {
      const root = dialog.querySelector(`[data-kind=${kind}]`);
      this.fields[kind] = new Combobox(root, () => this.recipe(kind));
    }
    this.seed = dialog.querySelector("[name=seed]");
    this.settings = dialog.querySelector("[name=settings]");
    this.folder = dialog.querySelector("[name=folder]");
    this.folders = dialog.querySelector("datalist");
    this.spec = dialog.querySelector("pre");
    dialog.querySelector("form.new").addEventListener("submit", (event) => {
      event.preventDefault();
      this.build();
    });
    dialog.querySelector("form.open").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.send({ do: "open", folder: this.folder.value.trim() })) dialog.close();
    });
  }

  fill(catalogue) {
    this.catalogue = catalogue;
    for (const [kind, field] of Object.entries(this.fields)) field.fill(catalogue[`${kind}s`]);
    if (this.session) this.show(this.session);
  }

  /** Run folders that were found, to choose from. */
  offer(folders) {
    this.folders.replaceChildren(...folders.map((folder) => new Option(folder, folder)));
  }

  /** What runs now is what the dialog begins with. */
  show(session) {
    this.session = session;
    this.spec.textContent = session.spec;
    if (this.dialog.open) return; // somebody is at it
    for (const [kind, field] of Object.entries(this.fields)) field.set(session[kind]);
    this.seed.value = session.seed;
    const lines = Object.entries(session.settings).map(([path, value]) => `${path} = ${JSON.stringify(value)}`);
    this.settings.value = lines.join("\n");
    this.settings.closest("details").open = lines.length > 0;
  }

  /** Fills in what the recipe uses with a task or a rule that was chosen. */
  recipe(kind) {
    const before = { ...this.names(), [kind]: null };
    const find = (list, name) => this.catalogue[list].find((one) => one.name === name);
    const task = find("tasks", this.fields.task.value);
    if (kind === "task" && task) this.fields.rule.set(task.rule);
    const rule = find("rules", this.fields.rule.value);
    if (rule && (kind === "task" || kind === "rule")) {
      if (task) this.fields.neuron.set(task.neurons[rule.name]);
      this.fields.device.set(rule.device);
    }
    // What was set of another task, or of a piece that is gone, says nothing here.
    const now = this.names();
    const section = (line) => line.trim().split(".")[0];
    const stays = (line) => kind !== "task" && before[section(line)] === now[section(line)];
    this.settings.value = this.settings.value.split("\n").filter(stays).join("\n");
  }

  /** What is chosen, by kind. */
  names() {
    return Object.fromEntries(Object.entries(this.fields).map(([kind, field]) => [kind, field.value]));
  }

  build() {
    const settings = {};
    for (const text of this.settings.value.split("\n").map((one) => one.trim()).filter(Boolean)) {
      const [path, ...rest] = text.split("=");
      const value = rest.join("=").trim();
      try {
        settings[path.trim()] = JSON.parse(value);
      } catch {
        settings[path.trim()] = value;
      }
    }
    const command = { do: "new", ...this.names(), seed: Number(this.seed.value), settings };
    if (this.send(command)) this.dialog.close();
  }
}
