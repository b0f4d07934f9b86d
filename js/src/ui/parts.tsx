/** Small pieces that many components use. */
import { Component, type ComponentChildren, type FunctionComponent, h, type JSX } from "preact";
import { useApp } from "./context";

export function Keys({ keys }: { keys: readonly string[] }) {
  return (
    <span class="alwidget-keys" aria-hidden="true">
      {keys.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "onClick" | "type"> & {
  onClick: () => void;
  children?: ComponentChildren;
};

/**
 * A button that leaves the keyboard where it is when it is clicked: after a click on a label, Enter still means "accept",
 * and not "press that label again". With Tab it gets the focus as any button does.
 */
export function Press({ onClick, children, ...rest }: ButtonProps) {
  const { focusRoot } = useApp();
  return (
    <button
      type="button"
      {...rest}
      onMouseDown={(event) => {
        event.preventDefault();
        focusRoot();
      }}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** The index of a label's colour; a number, so that nothing of the data reaches the style sheet. */
export function hue(index: number): string {
  return String(index % 12);
}

/** A component that is drawn again only when one of its properties changed. */
export function memo<P extends object>(Inner: FunctionComponent<P>): new () => Component<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      return Object.entries(next).some(([name, value]) => now[name] !== value);
    }

    override render() {
      return h(Inner, this.props as P & JSX.IntrinsicAttributes);
    }
  };
}
