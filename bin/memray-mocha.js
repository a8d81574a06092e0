#!/usr/bin/env node
process.exitCode = require('../dist/cli/main.js').main();
