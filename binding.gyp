{
  'variables': {
    # The tracker without Node: what the C++ tests link as well.
    'core_sources': [
      'native/call_stack/code_map.cc',
      'native/call_stack/native_call_stack.cc',
      'native/call_stack/native_symbols.cc',
      'native/capture/crc32.cc',
      'native/capture/record_writer.cc',
      'native/capture/sink.cc',
      'native/interposition/elf_installer.cc',
      'native/interposition/hooks.cc',
      'native/interposition/reservations.cc',
    ],
    # What includes <napi.h> or <v8.h>.
    'addon_sources': [
      'native/binding.cc',
      'native/call_stack/js_call_stack.cc',
      'native/environment.cc',
      'native/js_heap/garbage_collection.cc',
      'native/stack_recorder.cc',
      'native/thread_state.cc',
      'native/tracker.cc',
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
    # An exception of operator new passes through its hook.
    'cflags_cc!': ['-std=gnu++17', '-O3', '-fno-exceptions'],
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
