import type { Command } from "../../keyboard";
import { plural } from "../../lib/format";
import * as marks from "../../spans/marking";
import { isSuggested, shortened } from "../../spans/model";
import { useKey } from "../../ui/context";
import { Keys, Press } from "../../ui/parts";
import type { Tagger } from "./tagger";

/** What can be done now, in one line whose room is always kept: with what is chosen, or with the suggestions. */
export function Bar({ tagger }: { tagger: Tagger }) {
  return (
    <div class="alwidget-bar" data-testid="span-bar">
      <Situation tagger={tagger} />
    </div>
  );
}

function Situation({ tagger }: { tagger: Tagger }) {
  const { marking, spans, document } = tagger.now;
  const { focus, range, elsewhere } = tagger;
  const cut = range !== null && document.words.cuts(range);
  if (marking.everywhere && range !== null) {
    return <Everywhere tagger={tagger} />;
  }
  if (focus !== null) {
    return (
      <>
        <What label={focus.label} text={focus.text} suggested={isSuggested(focus)} />
        {isSuggested(focus) && <Act command="take" text="accept" onClick={() => tagger.take()} />}
        {isSuggested(focus) ? (
          <Act command="drop" text="reject" onClick={() => tagger.drop()} />
        ) : (
          <Act keys={["⌫"]} text="delete" id="delete" onClick={() => tagger.drop()} />
        )}
        {cut && <Fit tagger={tagger} />}
        {elsewhere.length > 0 && <More tagger={tagger} />}
      </>
    );
  }
  if (range !== null) {
    return (
      <>
        <What label={null} text={document.offsets.slice(range.start, range.end)} suggested={false} />
        {!cut && <span class="alwidget-bar-hint">a label's key labels it</span>}
        {cut && <Fit tagger={tagger} />}
        {elsewhere.length > 0 && <More tagger={tagger} />}
      </>
    );
  }
  const open = marks.suggestions(spans).length;
  if (open > 0) {
    return (
      <>
        <span class="alwidget-bar-hint is-first">{plural(open, "suggestion")} to check</span>
        <Act command="after" text="look" onClick={() => tagger.step(1)} />
        <Act command="takeAll" text={open === 1 ? "accept it" : "accept all"} onClick={() => tagger.takeAll()} />
      </>
    );
  }
  return <Hint tagger={tagger} />;
}

function Hint({ tagger }: { tagger: Tagger }) {
  const cursor = useKey("cursor");
  const { active } = tagger.now.marking;
  if (active !== null) {
    return (
      <span class="alwidget-bar-hint is-first">
        <b dir="auto">{active}</b> is at hand: drag over words to give it, <Keys keys={["Esc"]} /> lays it down
      </span>
    );
  }
  return (
    <span class="alwidget-bar-hint is-first">
      Drag over words, or click one, or <Keys keys={cursor.glyphs} /> and the arrows; then a label's key.
    </span>
  );
}

/** What is chosen, in words. */
function What({ label, text, suggested }: { label: string | null; text: string; suggested: boolean }) {
  return (
    <span class="alwidget-bar-what" title={shortened(text)}>
      {label !== null && (
        <b dir="auto">
          {label}
          {suggested && "?"}
        </b>
      )}{" "}
      <bdi>{shortened(text)}</bdi>
    </span>
  );
}

function More({ tagger }: { tagger: Tagger }) {
  return <Act command="everywhere" text={tagger.counted} onClick={() => tagger.everywhere()} />;
}

function Everywhere({ tagger }: { tagger: Tagger }) {
  const { focus, range } = tagger;
  const text = range === null ? "" : tagger.now.document.offsets.slice(range.start, range.end);
  const enter = useKey("accept");
  return (
    <>
      <What label={null} text={text} suggested={false} />
      <span class="alwidget-bar-hint">and {tagger.counted}</span>
      {focus === null ? (
        <span class="alwidget-bar-hint">a label's key labels them all</span>
      ) : (
        <Act keys={enter.glyphs} id="everywhere-all" text={`all ${focus.label}`} onClick={() => tagger.everywhere()} />
      )}
    </>
  );
}

function Fit({ tagger }: { tagger: Tagger }) {
  return (
    <>
      <span class="alwidget-bar-warn" data-testid="cuts-word">
        cuts a word
      </span>
      <Act command="widen" text="widen" onClick={() => tagger.fit("widen")} />
      {tagger.range !== null && tagger.now.document.words.narrowed(tagger.range) !== null && (
        <Act command="narrow" text="narrow" onClick={() => tagger.fit("narrow")} />
      )}
    </>
  );
}

type ActProps = { text: string; onClick: () => void } & (
  | { command: Command; keys?: undefined; id?: undefined }
  | { command?: undefined; keys: string[]; id: string }
);

function Act({ command, keys, id, text, onClick }: ActProps) {
  const known = useKey(command ?? "close");
  return (
    <Press
      class="alwidget-act is-bar"
      data-testid={`span-${id ?? command}`}
      {...(command === undefined ? {} : { "aria-keyshortcuts": known.aria })}
      onClick={onClick}
    >
      <Keys keys={keys ?? known.glyphs} /> {text}
    </Press>
  );
}
