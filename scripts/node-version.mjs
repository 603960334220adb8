// Runs on any Node, so that an old Node prints a sentence instead of a syntax error.
const wanted = 24
const version = process.versions.node

if (Number.parseInt(version, 10) < wanted) {
  console.error(
    `This script needs Node ${wanted}, got Node ${version}. \`npm install\` installs Node ${wanted} as a ` +
      'development dependency, unless install scripts are disabled. In that case, ' +
      'run `npm rebuild node --ignore-scripts=false`, or put a newer Node on the PATH.',
  )
  process.exit(1)
}
