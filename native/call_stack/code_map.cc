#include "call_stack/code_map.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "call_stack/varint.h"

namespace memray_mocha {

void PositionTable::Add(uint32_t offset, uint32_t position) {
  Put(offset - last_offset_);
  const auto delta = static_cast<int32_t>(position - last_position_);
  Put((static_cast<uint32_t>(delta) << 1) ^ static_cast<uint32_t>(delta >> 31));
  last_offset_ = offset;
  last_position_ = position;
}

int64_t PositionTable::Find(uint32_t offset) const {
  Reader reader(*this);
  while (reader.Advance(offset)) continue;
  return reader.position();
}

bool PositionTable::Reader::Advance(uint32_t offset) {
  if (!has_next_offset_) {
    const auto advance = TakeVarint(&rest_);
    if (!advance) return false;
    next_offset_ += static_cast<uint32_t>(*advance);
    has_next_offset_ = true;
  }
  if (next_offset_ > offset) return false;
  has_next_offset_ = false;
  const auto delta = static_cast<uint32_t>(*TakeVarint(&rest_));
  last_position_ += (delta >> 1) ^ (~(delta & 1) + 1);
  position_ = last_position_ == kUnknown ? -1 : int64_t{last_position_};
  return true;
}

void PositionTable::Put(uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    deltas_.push_back(static_cast<uint8_t>(value) | 0x80);
  deltas_.push_back(static_cast<uint8_t>(value));
}

uint32_t LazyExits::FindReturn(uint32_t offset) const {
  if (offset < begin || returns.empty()) return offset;
  const uint32_t i = (offset - begin) / bytes_each;
  return i < returns.size() && offset == begin + i * bytes_each ? returns[i]
                                                                : offset;
}

std::vector<Code::Place> Code::FindPlaces(uint32_t offset) const {
  const auto position_of = [](const Code& function, int64_t position) {
    return function.hides_positions ? -1 : position;
  };
  int64_t position = positions.Find(offset);
  std::vector<Place> places;
  const int64_t innermost = inlined ? inlined->by_offset.Find(offset) : 0;
  for (int64_t number = innermost; number > 0;) {
    // V8 can have told of more positions than it has kept calls.
    if (number > std::ssize(inlined->calls)) {
      position = -1;
      break;
    }
    const InlinedCalls::Call& call = inlined->calls[number - 1];
    const Code* function = call.is_recursion ? this : call.function.get();
    if (function)
      places.push_back({function, position_of(*function, position)});
    position = call.position;
    number = call.caller;
  }
  places.push_back({this, position_of(*this, position)});
  std::reverse(places.begin(), places.end());
  return places;
}

uint64_t CodeMap::NextId() {
  static std::atomic<uint64_t> last_id{0};
  return ++last_id;
}

void CodeMap::Add(uintptr_t address, std::unique_ptr<Code> code) {
  // V8 seldom says that code is gone. New code at its place says so.
  RemoveRange(address, address + code->size_bytes);
  if (const auto table = next_positions_.extract(address))
    code->positions = std::move(table.mapped());
  KeepToBytecode(code.get());
  codes_[address] = std::move(code);
}

/// Bytecode from before V8 was listened to has no positions; its optimized code
/// has. Both must be the same frame, so what bytecode lacks, neither has.
void CodeMap::KeepToBytecode(Code* code) {
  if (code->script_id == 0) return;
  if (code->positions.IsEmpty()) {
    code->hides_positions = true;
    return;
  }
  // The name ends in :line:column of where the function begins.
  size_t colon = code->name.rfind(':');
  if (colon != std::string::npos && colon > 0)
    colon = code->name.rfind(':', colon - 1);
  if (colon == std::string::npos) return;
  std::pair<int, std::string> function(code->script_id,
                                       code->name.substr(colon));
  if (code->kind == Code::Kind::kBytecode) {
    functions_with_positions_.insert(std::move(function));
  } else if (!functions_with_positions_.contains(function)) {
    code->hides_positions = true;
    // Those of inlined functions are among them.
    if (!code->inlined) code->positions = PositionTable();
  }
}

void CodeMap::Move(uintptr_t from, uintptr_t to) {
  auto node = codes_.extract(from);
  if (!node) return;
  ++version_;
  RemoveRange(to, to + node.mapped()->size_bytes);
  node.key() = to;
  codes_.insert(std::move(node));
}

void CodeMap::Remove(uintptr_t address) {
  if (codes_.erase(address)) ++version_;
}

void CodeMap::SetPositions(uintptr_t address, PositionTable positions) {
  next_positions_[address] = std::move(positions);
}

void CodeMap::ForgetScript(int id) {
  scripts_.erase(id);
  functions_with_positions_.erase(
      functions_with_positions_.lower_bound({id, ""}),
      functions_with_positions_.lower_bound({id + 1, ""}));
}

const ScriptInfo& CodeMap::GetScript(int id) const {
  static const ScriptInfo& forgotten = *new ScriptInfo{"", false};
  const auto found = scripts_.find(id);
  return found == scripts_.end() ? forgotten : found->second;
}

const PositionTable& CodeMap::GetPositions(uintptr_t address) const {
  static const PositionTable& none = *new PositionTable;
  const auto found = next_positions_.find(address);
  return found == next_positions_.end() ? none : found->second;
}

std::shared_ptr<const Code> CodeMap::Share(uintptr_t address) const {
  const auto found = codes_.find(address);
  return found == codes_.end() ? nullptr : found->second;
}

CodeMap::Location CodeMap::Find(uintptr_t address) const {
  auto found = codes_.upper_bound(address);
  if (found == codes_.begin()) return {nullptr, 0};
  --found;
  const uintptr_t offset = address - found->first;
  if (offset >= found->second->size_bytes) return {nullptr, 0};
  return {found->second.get(), static_cast<uint32_t>(offset)};
}

void CodeMap::RemoveRange(uintptr_t begin, uintptr_t end) {
  auto first = codes_.lower_bound(begin);
  if (first != codes_.begin()) {
    const auto previous = std::prev(first);
    if (previous->first + previous->second->size_bytes > begin)
      first = previous;
  }
  const auto last = codes_.lower_bound(end);
  if (first == last) return;
  codes_.erase(first, last);
  ++version_;
}

}  // namespace memray_mocha
