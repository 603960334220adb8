// Placeholder: starts nothing yet.
export default function setup(): void {}
