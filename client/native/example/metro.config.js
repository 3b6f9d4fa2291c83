// The packages are taken from this checkout: `make client` builds the core first.
const { getDefaultConfig } = require('expo/metro-config');
const path = require('node:path');

const config = getDefaultConfig(__dirname);
const client = path.resolve(__dirname, '../..');
config.watchFolders = [path.join(client, 'core'), path.join(client, 'native')];
config.resolver.nodeModulesPaths = [path.join(__dirname, 'node_modules')];
config.resolver.disableHierarchicalLookup = true;
const packages = {
  '@vroom/feed': path.join(client, 'core/dist/index.js'),
  '@vroom/feed-native': path.join(client, 'native/src/index.ts'),
  '@vroom/feed-native/seed': path.join(client, 'native/src/seed.ts'),
};
config.resolver.resolveRequest = (context, name, platform) =>
  packages[name] ? { type: 'sourceFile', filePath: packages[name] } : context.resolveRequest(context, name, platform);
module.exports = config;
