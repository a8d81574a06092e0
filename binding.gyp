{
  'variables': {
    # The tracker without Node: what the C++ tests link as well.
    'core_sources': [
      'native/call_stack/code_map.cc',
      'native/call_stack/frame_walker.cc',
      'native/call_stack/inline_allocation.cc',
      'native/call_stack/inlined_positions.cc',
      'native/call_stack/native_call_stack.cc',
      'native/call_stack/native_symbols.cc',
      'native/call_stack/offset_slot.cc',
      'native/call_stack/sparkplug_positions.cc',
      'native/call_stack/unwind_rule.cc',
      'native/call_stack/x64_instruction.cc',
      'native/capture/crc32.cc',
      'native/capture/record_writer.cc',
      'native/capture/sink.cc',
      'native/collection_schedule.cc',
      'native/event_queues.cc',
      'native/held_events.cc',
      'native/interposition/elf_installer.cc',
      'native/interposition/hooks.cc',
      'native/interposition/library_search.cc',
      'native/interposition/reservations.cc',
      'native/sample_memory.cc',
    ],
    # What includes <napi.h>, <node.h> or <v8.h>.
    'addon_sources': [
      'native/binding.cc',
      'native/buffer_calibration.cc',
      'native/call_stack/code_layout.cc',
      'native/call_stack/frame_layout.cc',
      'native/call_stack/helper_threads.cc',
      'native/call_stack/interpreter_calls.cc',
      'native/call_stack/interrupt_budget.cc',
      'native/call_stack/isolate_code.cc',
      'native/call_stack/js_call_stack.cc',
      'native/call_stack/kept_scripts.cc',
      'native/call_stack/script_text.cc',
      'native/environment.cc',
      'native/js_heap/heap.cc',
      'native/js_heap/object_ids.cc',
      'native/js_heap/object_layout.cc',
      'native/js_heap/object_sampler.cc',
      'native/js_heap/sample_block.cc',
      'native/js_heap/worker_isolates.cc',
      'native/peak_meter.cc',
      'native/recording.cc',
      'native/recording_mutex.cc',
      'native/sampler_calibration.cc',
      'native/stack_recorder.cc',
      'native/thread_state.cc',
      'native/tracker.cc',
      'native/tracker_workers.cc',
    ],
    'unsupported_sources': [
      'native/unsupported_binding.cc',
    ],
    'test_sources': [
      'native/test/code_map_test.cc',
      'native/test/collection_schedule_test.cc',
      'native/test/crc32_test.cc',
      'native/test/elf_installer_test.cc',
      'native/test/event_queues_test.cc',
      'native/test/frame_walker_test.cc',
      'native/test/golden_captures.cc',
      'native/test/held_events_test.cc',
      'native/test/hooks_test.cc',
      'native/test/inline_allocation_test.cc',
      'native/test/inlined_positions_test.cc',
      'native/test/library/c23.cc',
      'native/test/known_stacks_test.cc',
      'native/test/live_blocks_test.cc',
      'native/test/live_samples_test.cc',
      'native/test/main.cc',
      'native/test/native_call_stack_test.cc',
      'native/test/native_symbols_test.cc',
      'native/test/offset_slot_test.cc',
      'native/test/record_reader.cc',
      'native/test/record_writer_test.cc',
      'native/test/reservations_test.cc',
      'native/test/sample_memory_test.cc',
      'native/test/sink_test.cc',
      'native/test/sparkplug_positions_test.cc',
      'native/test/stack_table_test.cc',
      'native/test/test_runner.cc',
      'native/test/x64_instruction_test.cc',
    ],
    # The installer reads from its own slots what the hooks call.
    'ldflags_of_hooks': ['-Wl,-z,now'],
    'cflags_of_test_libraries': [
      # Every call stays a call, from where it stands.
      '-fno-builtin',
      '-fno-optimize-sibling-calls',
    ],
    'ldflags_of_test_libraries': ['-Wl,--enable-new-dtags', '-Wl,-rpath=\\$$ORIGIN'],
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
      # A worker may be terminated at any call: that is no reason to end the process.
      'defines': [
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NAPI_VERSION=8',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'include_dirs': ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      'conditions': [
        ['OS=="linux" and target_arch=="x64"', {
          'sources': ['<@(core_sources)', '<@(addon_sources)'],
          'libraries': ['-ldl', '-lpthread'],
          # Node unloads what only a worker had loaded when that ends. The hooks must stay.
          'ldflags': ['-Wl,-z,nodelete', '<@(ldflags_of_hooks)'],
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
          # Not of the addon: who installs it may have a compiler that warns of more.
          'cflags': ['-Werror'],
          'ldflags': ['<@(ldflags_of_hooks)'],
          'libraries': ['-ldl', '-lpthread'],
          'dependencies': [
            'memray_mocha_test_deep',
            'memray_mocha_test_late',
            'memray_mocha_test_lazy',
            'memray_mocha_test_now',
            'memray_mocha_test_slow',
            'memray_mocha_test_weak',
          ],
        },
        # What the tests load and watch: a program's libraries, linked in different ways.
        {
          'target_name': 'memray_mocha_test_lazy',
          'sources': ['native/test/library/allocator_calls.cc'],
          'cflags': ['<@(cflags_of_test_libraries)'],
          'ldflags': ['-Wl,-z,lazy', '<@(ldflags_of_test_libraries)'],
          'libraries': ['<(PRODUCT_DIR)/memray_mocha_test_c23.node'],
          'dependencies': ['memray_mocha_test_c23'],
        },
        {
          'target_name': 'memray_mocha_test_now',
          'sources': ['native/test/library/allocator_calls.cc'],
          'cflags': ['<@(cflags_of_test_libraries)'],
          'ldflags': ['-Wl,-z,now', '-Wl,-z,relro', '<@(ldflags_of_test_libraries)'],
          'libraries': ['<(PRODUCT_DIR)/memray_mocha_test_c23.node'],
          'dependencies': ['memray_mocha_test_c23'],
        },
        {
          'target_name': 'memray_mocha_test_late',
          'sources': ['native/test/library/late.cc'],
        },
        {
          # To be opened with RTLD_DEEPBIND.
          'target_name': 'memray_mocha_test_deep',
          'sources': ['native/test/library/late.cc'],
          'ldflags': ['-Wl,-z,now', '<@(ldflags_of_test_libraries)'],
          'libraries': ['<(PRODUCT_DIR)/memray_mocha_test_own_allocator.node'],
          'dependencies': ['memray_mocha_test_own_allocator'],
        },
        {
          'target_name': 'memray_mocha_test_own_allocator',
          'sources': ['native/test/library/own_allocator.cc'],
          'cflags_cc!': ['-fvisibility=hidden'],
        },
        {
          # Its slots are read-only as soon as it is relocated.
          'target_name': 'memray_mocha_test_slow',
          'sources': ['native/test/library/slow.cc'],
          'cflags': ['<@(cflags_of_test_libraries)'],
          'ldflags': ['-Wl,-z,now', '-Wl,-z,relro'],
        },
        {
          'target_name': 'memray_mocha_test_weak',
          'sources': ['native/test/library/weak.cc'],
        },
        {
          'target_name': 'memray_mocha_test_c23',
          'sources': ['native/test/library/c23.cc'],
          'cflags_cc!': ['-fvisibility=hidden'],
        },
      ],
    }],
  ],
}
