import { useState } from "preact/hooks";
import {
  bindings,
  type Chord,
  COMMANDS,
  type Command,
  chordOf,
  commandsOf,
  DEFAULT_KEYMAP,
  glyphs,
  PRESET_NAMES,
  type PresetName,
  takenBy,
} from "../keyboard";
import { labels } from "../state/selectors";
import { useApp, useState_ } from "../ui/context";
import { Keys } from "../ui/parts";

/** Every key that works in this task, in one table; each can be changed, and whole sets of other tools can be taken. */
export function KeysPanel() {
  const { keymap, setKeymap } = useApp();
  const task = useState_().session?.task;
  const table = bindings(keymap, task);
  const [waiting, setWaiting] = useState<Command | null>(null);
  const [said, setSaid] = useState("");

  const change = (command: Command, chord: Chord): void => {
    const other = takenBy(table, chord, command, task);
    if (other !== null) {
      setSaid(`That key is taken: ${COMMANDS[other]}.`);
      return;
    }
    setKeymap({ ...keymap, overrides: { ...keymap.overrides, [command]: [chord] } });
    setSaid("");
    setWaiting(null);
  };
  const custom = Object.keys(keymap.overrides).length > 0;
  return (
    <>
      <p class="alwidget-quiet">They work while the widget has the focus: click into it, or reach it with Tab.</p>
      <table class="alwidget-keytable">
        <tbody>
          <Digits />
          {commandsOf(task).map((command) => (
            <Row
              key={command}
              command={command}
              chords={table[command]}
              waiting={waiting === command}
              onWait={() => {
                setSaid("");
                setWaiting(waiting === command ? null : command);
              }}
              onChord={(chord) => change(command, chord)}
            />
          ))}
          <tr>
            <th scope="row">scroll a long document</th>
            <td>
              <Keys keys={["↑"]} /> <Keys keys={["↓"]} />
            </td>
          </tr>
        </tbody>
      </table>
      <p class="alwidget-quiet is-warn" role="status">
        {said}
      </p>
      <label class="alwidget-labelled">
        <span>Keys as in</span>
        <select
          class="alwidget-field"
          data-testid="preset"
          value={keymap.preset}
          onChange={(event) => setKeymap({ preset: event.currentTarget.value as PresetName, overrides: {} })}
        >
          {PRESET_NAMES.map((name) => (
            <option key={name} value={name}>
              {PRESET_TITLES[name]}
            </option>
          ))}
        </select>
      </label>
      {(custom || keymap.preset !== "default") && (
        <button type="button" class="alwidget-secondary" onClick={() => setKeymap(DEFAULT_KEYMAP)}>
          back to the defaults
        </button>
      )}
    </>
  );
}

/** What the digits do: where no text is written they are the labels'. */
function Digits() {
  const state = useState_();
  if (state.session?.task === "generation") {
    return <Fixed title="take a candidate" keys={[["1"], ["9"]]} />;
  }
  const more = labels(state).length > 10 || state.session?.openLabels === true;
  return (
    <>
      <Fixed title="labels 1 to 10" keys={[["1"], ["0"]]} />
      {more && <Fixed title="labels 11 to 20" keys={[["Shift", "1"], ["0"]]} />}
    </>
  );
}

/** Keys that cannot be changed, the first and the last of them. */
function Fixed({ title, keys: [first, last] }: { title: string; keys: [string[], string[]] }) {
  return (
    <tr>
      <th scope="row">{title}</th>
      <td>
        <Keys keys={first} /> … <Keys keys={last} />
      </td>
    </tr>
  );
}

const PRESET_TITLES: Readonly<Record<PresetName, string>> = {
  default: "alwidget",
  prodigy: "Prodigy",
  labelstudio: "Label Studio",
  argilla: "Argilla",
};

interface RowProps {
  command: Command;
  chords: readonly Chord[];
  waiting: boolean;
  onWait: () => void;
  onChord: (chord: Chord) => void;
}

function Row({ command, chords, waiting, onWait, onChord }: RowProps) {
  const { mac } = useApp();
  return (
    <tr>
      <th scope="row">{COMMANDS[command]}</th>
      <td>
        <button
          type="button"
          class={waiting ? "alwidget-rekey is-waiting" : "alwidget-rekey"}
          data-testid={`key-${command}`}
          title="change this key"
          onClick={onWait}
          onKeyDown={(event) => {
            if (!waiting || event.key === "Tab") {
              return;
            }
            event.preventDefault();
            event.stopPropagation();
            if (event.key === "Escape") {
              onWait();
              return;
            }
            const chord = chordOf(event);
            if (chord !== null) {
              onChord(chord);
            }
          }}
          onBlur={() => waiting && onWait()}
        >
          <span class="alwidget-sr">{COMMANDS[command]}: </span>
          {waiting
            ? "press a key…"
            : chords.map((chord) => (
                <span key={chord} class="alwidget-keys">
                  {glyphs(chord, mac).map((glyph) => (
                    <kbd key={glyph}>{glyph}</kbd>
                  ))}
                </span>
              ))}
        </button>
      </td>
    </tr>
  );
}
