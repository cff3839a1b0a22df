//! The tests of the protocol crate, but for those that count allocations: one executable.

mod support;

mod add_timeout;
mod clock;
mod consumer_slot;
mod cooperative_task;
mod cooperator;
mod cooperator_reentrant;
mod defer_later;
mod factory;
mod fake_resolver;
mod filesystem_lock;
mod layers;
mod looping_call;
mod looping_call_oracle;
mod looping_call_reentrant;
mod looping_call_ticks;
mod memory_adversary;
mod memory_close;
mod memory_half_close;
mod memory_network;
mod memory_panics;
mod memory_producers;
mod memory_reset;
mod memory_stream;
mod policies;
mod policies_shared;
mod protocol_life;
mod protocol_ref;
mod reading_roles;
mod relay;
mod relay_dial;
mod relay_limits;
mod relay_memory;
mod string_transport;
