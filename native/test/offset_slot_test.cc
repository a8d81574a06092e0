#include "call_stack/offset_slot.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Bytes = std::vector<uint8_t>;

const Bytes kEnter = {0x55, 0x48, 0x89, 0xE5, 0x48, 0x83, 0xEC, 0x38};
const Bytes kLeave = {0x48, 0x8B, 0xE5, 0x5D};
const Bytes kLeaveByLoad = {0x48, 0x8B, 0x6D, 0, 0x48, 0x83, 0xC4, 0x48};
const Bytes kCall = {0xE8, 1, 2, 3, 4};
const Bytes kDispatch = {0xFF, 0xE1};               // jmp rcx
const Bytes kKeep = {0x4C, 0x89, 0x4D, 0xE0};       // mov [rbp-32], r9
const Bytes kKeepLower = {0x4C, 0x89, 0x4D, 0xD8};  // mov [rbp-40], r9
const Bytes kReload = {0x4C, 0x8B, 0x4D, 0xE0};     // mov r9, [rbp-32]
const Bytes kReuse = {0x48, 0x89, 0x5D, 0xE0};      // mov [rbp-32], rbx
const Bytes kLose = {0x4D, 0x8B, 0xCB};             // mov r9, r11
const Bytes kAdvance = {0x49, 0x83, 0xC1, 4};       // add r9, 4

/// In code of these parts, the last of which is the call that is asked about
/// and what follows it.
std::optional<OffsetSlot> FindIn(std::initializer_list<Bytes> parts,
                                 const Bytes& behind = {0xCC}) {
  Bytes code;
  for (const Bytes& part : parts)
    code.insert(code.end(), part.begin(), part.end());
  code.insert(code.end(), kCall.begin(), kCall.end());
  const size_t return_offset = code.size();
  code.insert(code.end(), behind.begin(), behind.end());
  return FindOffsetSlot(code.data() + return_offset, code.data(),
                        static_cast<uint32_t>(code.size()));
}

bool IsAt(const std::optional<OffsetSlot>& slot, int32_t from_frame_pointer,
          int32_t advance = 0) {
  return slot && slot->from_frame_pointer == from_frame_pointer &&
         slot->advance == advance;
}

TEST("offset slot: the word of the frame that r9 is kept in") {
  EXPECT(IsAt(FindIn({kEnter, kKeep}), -32));
  EXPECT(
      IsAt(FindIn({kEnter, {0x4C, 0x89, 0x8D, 0x60, 0xFF, 0xFF, 0xFF}}), -160));
  EXPECT(!FindIn({kEnter}));
  EXPECT(!FindIn({kKeep}));  // in the caller's frame
  EXPECT(!FindIn({kKeep, kEnter}));
}

TEST("offset slot: not when r9 has been written, or the word again") {
  EXPECT(!FindIn({kEnter, kLose, kKeep}));
  EXPECT(!FindIn({kEnter, {0x41, 0x59}, kKeep}));        // pop r9
  EXPECT(!FindIn({kEnter, {0x45, 0x33, 0xC9}, kKeep}));  // xor r9d, r9d
  const Bytes shift = {0xC4, 0x62, 0xF1, 0xF7, 0xC8};    // shlx r9, rax, rcx
  EXPECT(!FindIn({kEnter, shift, kKeep}));
  const Bytes keep_half = {0x44, 0x89, 0x4D, 0xE0};
  EXPECT(!FindIn({kEnter, keep_half}));
  const Bytes reload_half = {0x44, 0x8B, 0x4D, 0xE0};
  EXPECT(!FindIn({kEnter, kKeep, reload_half, kKeepLower, kReuse}));
  EXPECT(!FindIn({kEnter, kKeep, kReuse}));
  EXPECT(!FindIn({kEnter, kKeep, {0x83, 0x45, 0xE4, 1}}));  // add [rbp-28], 1
  // movups [rbp-40], xmm0, and movsd, which writes half as much
  EXPECT(!FindIn({kEnter, kKeep, {0x0F, 0x11, 0x45, 0xD8}}));
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0xF2, 0x0F, 0x11, 0x45, 0xD8}}), -32));
}

TEST("offset slot: other words and registers do not matter") {
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0x4C, 0x89, 0x65, 0xE8}}), -32));
  EXPECT(IsAt(FindIn({kEnter, {0x43, 0x0F, 0xB6, 0x5C, 0x0C, 1}, kKeep}), -32));
  EXPECT(IsAt(FindIn({kEnter, {0x4D, 0x8B, 0xD9}, kKeep}), -32));  // r11 = r9
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0xBA, 0x45, 0xE0, 0, 0}}), -32));
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0x49, 0x89, 0x58, 0xE0}}), -32));
}

TEST("offset slot: what a call leaves, and what is loaded again") {
  EXPECT(
      IsAt(FindIn({kEnter, kKeep, kCall, kReload, kKeepLower, kReuse}), -40));
  EXPECT(IsAt(FindIn({kEnter, kCall, kKeep}), -32));
  EXPECT(!FindIn({kEnter, kKeep, kReuse, kCall, kReload, kKeep}));
}

TEST("offset slot: on every path to the call") {
  const Bytes over_keep = {0x74, 4};
  EXPECT(!FindIn({kEnter, over_keep, kKeep}));
  const Bytes far_over_keep = {0x0F, 0x84, 4, 0, 0, 0};
  EXPECT(!FindIn({kEnter, far_over_keep, kKeep}));
  EXPECT(IsAt(FindIn({kEnter, kKeep, over_keep, kKeepLower}), -32));
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0xEB, 4}, kReuse}), -32));
  EXPECT(IsAt(FindIn({kEnter, kKeep, {0xE9, 4, 0, 0, 0}, kReuse}), -32));
  // From behind the call back to it, with the word written in between.
  Bytes back = kReuse;
  back.insert(back.end(), {0xEB, 0xF1});
  EXPECT(!FindIn({kEnter, kKeep, {0x90, 0x90, 0x90, 0x90}}, back));
  EXPECT(!FindIn({kEnter, kKeep, {0xCC}}));  // never
}

TEST("offset slot: a frame that is left and entered again") {
  EXPECT(!FindIn({kEnter, kKeep, kLeave, kEnter}));
  EXPECT(IsAt(FindIn({kEnter, kLeave, kEnter, kKeep}), -32));
  EXPECT(
      IsAt(FindIn({{0x74, 18}, kEnter, kLeaveByLoad, kDispatch, kEnter, kKeep}),
           -32));
}

TEST("offset slot: the next instruction's offset tells this one's") {
  EXPECT(IsAt(FindIn({kEnter, kAdvance, kKeep}), -32, 4));
  EXPECT(IsAt(FindIn({kEnter, kKeep, kAdvance, kKeepLower}), -32));
  EXPECT(!FindIn({kEnter, {0x41, 0x83, 0xC1, 4}, kKeep}));  // half of it
  EXPECT(!FindIn({kEnter, {0x74, 4}, kAdvance, kKeep}));    // or it does not
  EXPECT(!FindIn({kEnter, kAdvance, kAdvance, kKeep}));
  const Bytes advance_more = {0x49, 0x83, 0xC1, 5, 0xEB, 4};
  EXPECT(!FindIn({kEnter, {0x74, 6}, advance_more, kAdvance, kKeep}));
}

TEST("offset slot: code that may go on anywhere is not understood") {
  EXPECT(!FindIn({kEnter, kKeep, {0x74, 2}, kDispatch}));
  EXPECT(!FindIn({{0x74, 4}, {0x41, 0xFF, 0x24, 0xC2}, kEnter, kKeep}));
}

}  // namespace
}  // namespace memray_mocha::test
