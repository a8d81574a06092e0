// Loaded with --require into Node on Linux: what the package does on a platform it cannot measure.
Object.defineProperty(process, 'platform', { value: 'darwin' });
