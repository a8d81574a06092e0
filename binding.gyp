{
  'variables': {
    # The tracker without Node: what the C++ tests link as well.
    'core_sources': [
      'native/capture/record_writer.cc',
      'native/interposition/elf_installer.cc',
    ],
    # What includes <napi.h> or <v8.h>.
    'addon_sources': [
      'native/binding.cc',
      'native/environment.cc',
      'native/tracker.cc',
      'native/call_stack/js_call_stack.cc',
    ],
    'unsupported_sources': [
      'native/unsupported_binding.cc',
    ],
    'test_sources': [
      'native/test/main.cc',
    ],
    'build_tests%': 0,
  },
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags': ['-Wall', '-Wextra', '-Wno-unused-parameter'],
    'cflags_cc': [
      '-std=gnu++20',
      '-O2',
      '-g1',
      '-fvisibility=hidden',
      # Thread-local state is read inside malloc: the general model would call malloc for it.
      '-ftls-model=initial-exec',
    ],
    'cflags_cc!': ['-std=gnu++17', '-O3'],
  },
  'targets': [
    {
      'target_name': 'memray_mocha',
      'defines': ['NAPI_DISABLE_CPP_EXCEPTIONS', 'NAPI_VERSION=8'],
      'include_dirs': ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      'conditions': [
        ['OS=="linux" and target_arch=="x64"', {
          'sources': ['<@(core_sources)', '<@(addon_sources)'],
          'libraries': ['-ldl', '-lpthread'],
        }, {
          'sources': ['<@(unsupported_sources)'],
        }],
      ],
    },
  ],
  'conditions': [
    ['build_tests==1', {
      'targets': [
        {
          # Runs without Node.
          'target_name': 'memray_mocha_tests',
          'type': 'executable',
          'sources': ['<@(core_sources)', '<@(test_sources)'],
          'libraries': ['-ldl', '-lpthread'],
        },
      ],
    }],
  ],
}
