// The project's own tests. They are TypeScript, loaded by tsx, and import the compiled package
// from dist/, so that what is tested is what is shipped.
module.exports = {
  require: ['tsx/cjs'],
  extension: ['ts'],
  timeout: 180_000,
  forbidOnly: Boolean(process.env.CI),
};
