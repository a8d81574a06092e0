#include "event_queues.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

MemoryEvent AllocationAt(uintptr_t address, size_t size_bytes = 1) {
  return {.kind = EventKind::kAllocation,
          .address = address,
          .size_bytes = size_bytes};
}

MemoryEvent DeallocationAt(uintptr_t address) {
  return {.kind = EventKind::kDeallocation, .address = address};
}

void PrepareNothing(const MemoryEvent&) {}

/// `1:64 2:32`: threads and addresses.
std::string TakeAll(EventQueues* queues) {
  std::string text;
  queues->TakeAll(
      [&](const MemoryEvent& event, uint32_t thread) {
        if (!text.empty()) text += ' ';
        text += std::to_string(thread) + ':' + std::to_string(event.address);
      },
      PrepareNothing);
  return text;
}

TEST("event queues: give the events of several queues in their order, once") {
  EventQueues queues;
  EventQueue first;
  EventQueue second;
  queues.Add(&first);
  queues.Add(&second);
  first.thread = 1;
  second.thread = 2;
  first.Push(AllocationAt(64), SIZE_MAX);
  second.Push(AllocationAt(32), SIZE_MAX);
  second.Push(AllocationAt(96), SIZE_MAX);
  first.Push(AllocationAt(16), SIZE_MAX);
  EXPECT_EQUAL(TakeAll(&queues), "1:64 2:32 2:96 1:16");
  EXPECT_EQUAL(TakeAll(&queues), "");
  queues.ForgetThreads();
  second.Push(AllocationAt(48), SIZE_MAX);
  queues.Remove(&first);
  EXPECT_EQUAL(TakeAll(&queues), "0:48");
}

TEST("event queues: lose an event that cannot be applied, and no other") {
  EventQueues queues;
  EventQueue first;
  EventQueue second;
  queues.Add(&first);
  queues.Add(&second);
  for (const uintptr_t address : {16, 32}) {
    first.Push(AllocationAt(address), SIZE_MAX);
    second.Push(AllocationAt(2 * address), SIZE_MAX);
  }
  for (int failures = 0; failures < 2; ++failures) {
    bool has_thrown = false;
    try {
      queues.TakeAll(
          [](const MemoryEvent&, uint32_t) { throw std::bad_alloc(); },
          PrepareNothing);
    } catch (const std::bad_alloc&) {
      has_thrown = true;
    }
    EXPECT(has_thrown);
  }
  EXPECT_EQUAL(TakeAll(&queues), "0:32 0:64");
  EXPECT_EQUAL(TakeAll(&queues), "");
}

TEST("event queues: one is to be emptied some time before it is full") {
  EventQueues queues;
  EventQueue queue;
  queues.Add(&queue);
  for (int round = 0; round < 3; ++round) {
    size_t told = 0;
    for (size_t i = 0; i < EventQueue::kCapacity; ++i) {
      EXPECT(queue.CanWait(SIZE_MAX));
      if (queue.Push(AllocationAt(64), SIZE_MAX)) ++told;
    }
    EXPECT(!queue.CanWait(SIZE_MAX));
    EXPECT_EQUAL(told, EventQueue::kCapacity / 4 + 1);
    size_t count = 0;
    queues.TakeAll([&](const MemoryEvent&, uint32_t) { ++count; },
                   PrepareNothing);
    EXPECT_EQUAL(count, EventQueue::kCapacity);
  }
}

TEST("event queues: one is to be emptied when its events add that much") {
  EventQueues queues;
  EventQueue queue;
  queues.Add(&queue);
  EXPECT(!queue.Push(AllocationAt(64, 999), 1000));
  EXPECT(!queue.Push(DeallocationAt(64), 1000));
  EXPECT(queue.Push(AllocationAt(64, 1), 1000));
  EXPECT(queue.Push(DeallocationAt(64), 1000));
  EXPECT(queue.CanWait(1000));
  EXPECT(queue.Push(AllocationAt(96, 1000), 1000));
  EXPECT(!queue.CanWait(1000));
  queue.OnEmptied();
  EXPECT(!queue.Push(AllocationAt(96, 999), 1000));
}

TEST("event queues: threads that take addresses from each other") {
  // While another one takes their events all the time.
  // A stack of free addresses is the allocator: who gets one was told that it
  // is free, and each is begun and ended in turn.
  EventQueues queues;
  std::mutex taking;
  std::mutex allocator;
  std::vector<uintptr_t> free_addresses{1, 2, 3, 4, 5};
  std::vector<bool> is_live(free_addresses.size() + 1);
  size_t events = 0;
  size_t wrong = 0;
  const auto take_all = [&] {
    std::lock_guard lock(taking);
    queues.TakeAll(
        [&](const MemoryEvent& event, uint32_t) {
          ++events;
          if (is_live[event.address] == IsNativeBegin(event.kind)) ++wrong;
          is_live[event.address] = IsNativeBegin(event.kind);
        },
        PrepareNothing);
  };
  constexpr int kThreads = 4;
  constexpr int kRounds = 50'000;
  std::deque<EventQueue> of_threads(kThreads);
  for (EventQueue& queue : of_threads) queues.Add(&queue);
  std::vector<std::thread> threads;
  for (EventQueue& queue : of_threads) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        uintptr_t address;
        {
          std::lock_guard lock(allocator);
          address = free_addresses.back();
          free_addresses.pop_back();
        }
        queue.Push(AllocationAt(address), SIZE_MAX);
        if (queue.is_full()) take_all();
        queue.Push(DeallocationAt(address), SIZE_MAX);
        if (queue.is_full()) take_all();
        std::lock_guard lock(allocator);
        free_addresses.push_back(address);
      }
    });
  }
  std::atomic<bool> is_over{false};
  std::thread taker([&] {
    while (!is_over) take_all();
  });
  for (std::thread& thread : threads) thread.join();
  is_over = true;
  taker.join();
  take_all();
  EXPECT_EQUAL(events, size_t{2} * kThreads * kRounds);
  EXPECT_EQUAL(wrong, 0u);
}

}  // namespace
}  // namespace memray_mocha::test
