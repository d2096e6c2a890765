import { Component, h, type ComponentChildren, type FunctionComponent } from 'preact';

/** A component that is drawn again only when `same` says that its properties differ. */
export function memo<P extends object>(
  draw: (props: P) => ComponentChildren,
  same: (before: P, after: P) => boolean,
): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props as P, next);
    }
    override render(props: P): ComponentChildren {
      return draw(props);
    }
  }
  return (props: P) => h(Memo as never, props as never);
}
