/* pickle.c - a pickle machine that can only build a state dict; see pickle.h.
 *
 * Values live in one growing array and refer to each other by index, so there is nothing to free
 * one by one and nothing recursive. Every value costs at least one byte of input, so memory is
 * bounded by a small multiple of the pickle's size.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/checkpoint/pickle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    NONE,
    BOOLEAN,
    INTEGER,
    STRING,
    TUPLE,
    DICT,
    MARK,
    STORAGE_TYPE, /* torch.HalfStorage ... */
    CALLABLE,
    STORAGE,
    TENSOR,
};
static const char *const kind_names[] = {
    "None",   "a boolean",      "an integer", "a string",  "a tuple",  "a dict",
    "a mark", "a storage type", "a callable", "a storage", "a tensor",
};

enum callable { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER };

/* Everything a state dict may name besides torch's storage types. */
static const struct {
    const char *module, *name;
    enum callable callable;
} globals[] = {
    {"collections", "OrderedDict", ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", REBUILD_PARAMETER},
};

struct value {
    enum kind kind;
    union {
        int64_t integer;
        struct {
            const char *text; /* in the input, not terminated */
            size_t length;
        } string;
        struct {
            uint32_t first, count; /* in items */
        } tuple;
        struct {
            uint32_t first, last; /* in pairs; NIL: empty */
        } dict;
        const struct element_type *type; /* STORAGE_TYPE */
        enum callable callable;
        uint32_t storage; /* index in state->storages */
        uint32_t tensor;  /* index in tensors */
    } as;
};

#define NIL UINT32_MAX

struct pair {
    uint32_t key, value, next;
};

struct machine {
    struct pickle_state *state;
    const uint8_t *data;
    size_t size, at, op; /* op: where the current opcode stands */
    const char *path;
    struct err *e;
    struct value *values;
    uint32_t value_count, value_capacity;
    uint32_t *stack;
    uint32_t stack_count, stack_capacity;
    uint32_t *items;
    uint32_t item_count, item_capacity;
    struct pair *pairs;
    uint32_t pair_count, pair_capacity;
    uint32_t *memo; /* NIL: not set */
    uint32_t memo_count, memo_next;
    struct checkpoint_tensor *tensors; /* name NULL; unit: the storage; offset in bytes */
    uint32_t tensor_count, tensor_capacity;
};

static int fail(struct machine *m, const char *what)
{
    return err_kind(m->e, ERR_DAMAGED, "%s: byte %zu of the pickle: %s", m->path, m->op, what);
}

static int expected(struct machine *m, const char *what, const struct value *found)
{
    return err_kind(m->e, ERR_DAMAGED, "%s: byte %zu of the pickle: expected %s, found %s", m->path,
                    m->op, what, kind_names[found->kind]);
}

/* Room for one more of SIZE bytes. */
static int grow(struct machine *m, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    void **p = array;
    if (count < *capacity) return 0;
    if (*capacity > UINT32_MAX / 4) return fail(m, "too many values");
    uint32_t bigger = *capacity ? 2 * *capacity : 256;
    void *q = reallocarray(*p, bigger, size);
    if (!q) return err_memory(m->e, m->path);
    *p = q;
    *capacity = bigger;
    return 0;
}

static int push_index(struct machine *m, uint32_t index)
{
    if (grow(m, &m->stack, m->stack_count, &m->stack_capacity, sizeof *m->stack)) return -1;
    m->stack[m->stack_count++] = index;
    return 0;
}

static int push(struct machine *m, struct value v)
{
    if (grow(m, &m->values, m->value_count, &m->value_capacity, sizeof *m->values)) return -1;
    m->values[m->value_count] = v;
    return push_index(m, m->value_count++);
}

static int push_kind(struct machine *m, enum kind kind, int64_t integer)
{
    return push(m, (struct value){.kind = kind, .as.integer = integer});
}

/* The value DEPTH below the top, or NULL with an error. A mark is never taken for a value. */
static struct value *top(struct machine *m, uint32_t depth)
{
    if (m->stack_count <= depth) {
        fail(m, "the stack is empty");
        return NULL;
    }
    struct value *v = &m->values[m->stack[m->stack_count - 1 - depth]];
    if (v->kind == MARK) {
        fail(m, "found a mark where a value should be");
        return NULL;
    }
    return v;
}

/* Stack position just above the last mark, or -1 with an error. */
static int64_t above_mark(struct machine *m)
{
    for (uint32_t i = m->stack_count; i > 0; i--) {
        if (m->values[m->stack[i - 1]].kind == MARK) return i;
    }
    return fail(m, "no mark on the stack");
}

static const uint8_t *take(struct machine *m, uint64_t n)
{
    if (n > m->size - m->at) {
        fail(m, "the pickle ends in the middle");
        return NULL;
    }
    const uint8_t *p = m->data + m->at;
    m->at += (size_t)n;
    return p;
}

/* A little-endian number of N bytes, N <= 8. */
static int number(struct machine *m, int n, uint64_t *out)
{
    const uint8_t *p = take(m, (uint64_t)n);
    if (!p) return -1;
    *out = 0;
    for (int i = n - 1; i >= 0; i--) *out = *out << 8 | p[i];
    return 0;
}

static int push_string(struct machine *m, int length_bytes)
{
    uint64_t n;
    const uint8_t *p;
    if (number(m, length_bytes, &n) || !(p = take(m, n))) return -1;
    return push(m, (struct value){.kind = STRING, .as.string = {(const char *)p, (size_t)n}});
}

static int push_long(struct machine *m)
{
    uint64_t n, bits;
    if (number(m, 1, &n)) return -1;
    if (n > 8) return fail(m, "an integer of more than 64 bits");
    if (number(m, (int)n, &bits)) return -1;
    if (n && n < 8 && bits >> (8 * n - 1)) bits |= UINT64_MAX << 8 * n;
    return push_kind(m, INTEGER, (int64_t)bits);
}

static int memo_put(struct machine *m, uint64_t index)
{
    if (!top(m, 0)) return -1;
    /* Writers number from 0, one for each value: no honest number exceeds the bytes. */
    if (index >= m->size) return fail(m, "a memo number out of range");
    if (index >= m->memo_count) {
        uint64_t count = 2 * index + 256;
        if (count > m->size) count = m->size;
        if (count >= NIL) return fail(m, "too many values");
        uint32_t *memo = reallocarray(m->memo, count, sizeof *memo);
        if (!memo) return err_memory(m->e, m->path);
        for (uint64_t i = m->memo_count; i < count; i++) memo[i] = NIL;
        m->memo = memo;
        m->memo_count = (uint32_t)count;
    }
    m->memo[index] = m->stack[m->stack_count - 1];
    m->memo_next++;
    return 0;
}

static int memo_get(struct machine *m, int bytes)
{
    uint64_t index;
    if (number(m, bytes, &index)) return -1;
    if (index >= m->memo_count || m->memo[index] == NIL)
        return fail(m, "a memo number that was never set");
    return push_index(m, m->memo[index]);
}

/* The top N values become a tuple. */
static int make_tuple(struct machine *m, uint32_t n)
{
    struct value v = {.kind = TUPLE, .as.tuple = {m->item_count, n}};
    for (uint32_t i = n; i-- > 0;) {
        if (!top(m, i)) return -1;
        if (grow(m, &m->items, m->item_count, &m->item_capacity, sizeof *m->items)) return -1;
        m->items[m->item_count++] = m->stack[m->stack_count - 1 - i];
    }
    m->stack_count -= n;
    return push(m, v);
}

/* Pairs from stack position FIRST up go into the dict below; DROP more entries (a mark) go too. */
static int set_items(struct machine *m, uint32_t first, uint32_t drop)
{
    uint32_t n = m->stack_count - first;
    if (n % 2 || first < 1 + drop) return fail(m, "keys and values do not pair");
    struct value *dict = &m->values[m->stack[first - 1 - drop]];
    if (dict->kind != DICT) return expected(m, "a dict", dict);
    for (uint32_t i = 0; i < n; i += 2) {
        if (grow(m, &m->pairs, m->pair_count, &m->pair_capacity, sizeof *m->pairs)) return -1;
        uint32_t at = m->pair_count++;
        m->pairs[at] = (struct pair){m->stack[first + i], m->stack[first + i + 1], NIL};
        if (dict->as.dict.first == NIL)
            dict->as.dict.first = at;
        else
            m->pairs[dict->as.dict.last].next = at;
        dict->as.dict.last = at;
    }
    m->stack_count = first - drop;
    return 0;
}

static bool is_string(const struct value *v, const char *text)
{
    return v->kind == STRING && v->as.string.length == strlen(text) &&
           !memcmp(v->as.string.text, text, v->as.string.length);
}

static int push_global(struct machine *m, const struct value *module, const struct value *name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (is_string(module, globals[i].module) && is_string(name, globals[i].name))
            return push(m, (struct value){.kind = CALLABLE, .as.callable = globals[i].callable});
    }
    char text[32];
    if (is_string(module, "torch") && name->as.string.length < sizeof text) {
        memcpy(text, name->as.string.text, name->as.string.length);
        text[name->as.string.length] = 0;
        const struct element_type *type = element_type_of_storage(text);
        if (type) return push(m, (struct value){.kind = STORAGE_TYPE, .as.type = type});
    }
    return err_set(
        m->e,
        "%s: byte %zu of the pickle: forbidden global %.*s.%.*s (a state dict does "
        "not need it; nothing was executed)",
        m->path, m->op, (int)(module->as.string.length < 64 ? module->as.string.length : 64),
        module->as.string.text, (int)(name->as.string.length < 64 ? name->as.string.length : 64),
        name->as.string.text);
}

/* GLOBAL: two lines of text. */
static int text_global(struct machine *m)
{
    struct value parts[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *p = m->data + m->at;
        const uint8_t *end = memchr(p, '\n', m->size - m->at);
        if (!end) return fail(m, "the pickle ends in the middle");
        parts[i] =
            (struct value){.kind = STRING, .as.string = {(const char *)p, (size_t)(end - p)}};
        m->at += (size_t)(end - p) + 1;
    }
    return push_global(m, &parts[0], &parts[1]);
}

static int stack_global(struct machine *m)
{
    const struct value *name = top(m, 0), *module = name ? top(m, 1) : NULL;
    if (!module) return -1;
    if (module->kind != STRING) return expected(m, "a string", module);
    if (name->kind != STRING) return expected(m, "a string", name);
    struct value parts[2] = {*module, *name};
    m->stack_count -= 2;
    return push_global(m, &parts[0], &parts[1]);
}

static const struct value *item(const struct machine *m, const struct value *tuple, uint32_t i)
{
    return &m->values[m->items[tuple->as.tuple.first + i]];
}

/* ("storage", torch.HalfStorage, key, location, elements). */
static int persistent_id(struct machine *m)
{
    const struct value *id = top(m, 0);
    if (!id) return -1;
    if (id->kind != TUPLE || id->as.tuple.count != 5 || !is_string(item(m, id, 0), "storage"))
        return fail(m, "expected the persistent id of a storage");
    const struct value *type = item(m, id, 1), *key = item(m, id, 2), *n = item(m, id, 4);
    if (type->kind != STORAGE_TYPE) return expected(m, "a storage type", type);
    if (key->kind != STRING) return expected(m, "a storage's name", key);
    if (n->kind != INTEGER || n->as.integer < 0) return fail(m, "a storage without a size");
    struct pickle_storage storage = {.type = type->as.type, .elements = (uint64_t)n->as.integer};
    struct pickle_state *s = m->state;
    if (s->storage_count >= NIL) return fail(m, "too many storages");
    if (!(s->storage_count & (s->storage_count - 1))) {
        size_t capacity = s->storage_count ? 2 * s->storage_count : 1;
        struct pickle_storage *bigger = reallocarray(s->storages, capacity, sizeof *bigger);
        if (!bigger) return err_memory(m->e, m->path);
        s->storages = bigger;
    }
    storage.key = strndup(key->as.string.text, key->as.string.length);
    if (!storage.key) return err_memory(m->e, m->path);
    s->storages[s->storage_count++] = storage;
    m->stack_count--;
    return push(m, (struct value){.kind = STORAGE, .as.storage = (uint32_t)s->storage_count - 1});
}

static int sizes(struct machine *m, const struct value *v, size_t *out, size_t *rank)
{
    if (v->kind != TUPLE) return expected(m, "a tuple of sizes", v);
    if (v->as.tuple.count > CHECKPOINT_RANK) return fail(m, "a tensor of too many dimensions");
    *rank = v->as.tuple.count;
    for (uint32_t i = 0; i < v->as.tuple.count; i++) {
        const struct value *n = item(m, v, i);
        if (n->kind != INTEGER) return expected(m, "a size", n);
        if (n->as.integer < 0) return fail(m, "a negative size or stride");
        out[i] = (size_t)n->as.integer;
    }
    return 0;
}

/* (storage, offset, size, stride, requires_grad, hooks[, metadata]). */
static int rebuild_tensor(struct machine *m, const struct value *args)
{
    struct checkpoint_tensor t = {0};
    uint32_t n = args->as.tuple.count;
    if (n != 6 && n != 7) return fail(m, "expected six or seven arguments of a tensor");
    const struct value *storage = item(m, args, 0), *offset = item(m, args, 1);
    size_t rank;
    if (storage->kind != STORAGE) return expected(m, "a storage", storage);
    if (offset->kind != INTEGER || offset->as.integer < 0)
        return fail(m, "expected a tensor's offset in its storage");
    if (sizes(m, item(m, args, 2), t.shape, &t.rank) || sizes(m, item(m, args, 3), t.stride, &rank))
        return -1;
    if (rank != t.rank) return fail(m, "a tensor's sizes and strides differ in number");
    const struct pickle_storage *s = &m->state->storages[storage->as.storage];
    uint64_t last = (uint64_t)offset->as.integer, step;
    bool empty = false, bad = false;
    for (size_t i = 0; i < t.rank; i++) {
        empty = empty || t.shape[i] == 0;
        if (t.shape[i] > 1)
            bad = bad ||
                  __builtin_mul_overflow((uint64_t)t.shape[i] - 1, (uint64_t)t.stride[i], &step) ||
                  __builtin_add_overflow(last, step, &last);
    }
    if (!empty && (bad || last >= s->elements))
        return fail(m, "a tensor reaches beyond its storage");
    t.type = s->type;
    t.unit = storage->as.storage;
    if (__builtin_mul_overflow((uint64_t)offset->as.integer, (uint64_t)t.type->bytes, &t.offset))
        return fail(m, "a tensor reaches beyond its storage");
    if (grow(m, &m->tensors, m->tensor_count, &m->tensor_capacity, sizeof *m->tensors)) return -1;
    m->tensors[m->tensor_count] = t;
    return push(m, (struct value){.kind = TENSOR, .as.tensor = m->tensor_count++});
}

static int reduce(struct machine *m)
{
    const struct value *args = top(m, 0), *callable = args ? top(m, 1) : NULL;
    if (!callable) return -1;
    if (callable->kind != CALLABLE) return expected(m, "a callable", callable);
    if (args->kind != TUPLE) return expected(m, "a tuple of arguments", args);
    struct value copy = *args;
    m->stack_count -= 2;
    switch (callable->as.callable) {
    case ORDERED_DICT:
        if (copy.as.tuple.count) return fail(m, "an OrderedDict made from arguments");
        return push(m, (struct value){.kind = DICT, .as.dict = {NIL, NIL}});
    case REBUILD_TENSOR:
        return rebuild_tensor(m, &copy);
    case REBUILD_PARAMETER:
        if (copy.as.tuple.count != 3) return fail(m, "expected three arguments of a parameter");
        if (item(m, &copy, 0)->kind != TENSOR)
            return expected(m, "a parameter's tensor", item(m, &copy, 0));
        return push_index(m, m->items[copy.as.tuple.first]);
    }
    return fail(m, "an unknown callable");
}

/* BUILD sets attributes; a state dict has one, _metadata, which means nothing here. */
static int build(struct machine *m)
{
    const struct value *state = top(m, 0), *object = state ? top(m, 1) : NULL;
    if (!object) return -1;
    if (object->kind != DICT) return expected(m, "a dict to set attributes of", object);
    if (state->kind != DICT) return expected(m, "a dict of attributes", state);
    m->stack_count--;
    return 0;
}

static int step(struct machine *m, uint8_t op)
{
    uint64_t n;
    int64_t mark;
    switch (op) {
    case 0x80: /* PROTO */
        if (number(m, 1, &n)) return -1;
        return n >= 2 && n <= 5 ? 0 : fail(m, "expected protocol 2 to 5");
    case 0x95:
        return take(m, 8) ? 0 : -1; /* FRAME: how many bytes follow; no need to know */
    case '(':
        return push_kind(m, MARK, 0);
    case 'N':
        return push_kind(m, NONE, 0);
    case 0x88:
        return push_kind(m, BOOLEAN, 1);
    case 0x89:
        return push_kind(m, BOOLEAN, 0);
    case 'J': /* BININT */
        return number(m, 4, &n) ? -1 : push_kind(m, INTEGER, (int32_t)(uint32_t)n);
    case 'K':
        return number(m, 1, &n) ? -1 : push_kind(m, INTEGER, (int64_t)n);
    case 'M':
        return number(m, 2, &n) ? -1 : push_kind(m, INTEGER, (int64_t)n);
    case 0x8a:
        return push_long(m);
    case 'X':
        return push_string(m, 4);
    case 0x8c:
        return push_string(m, 1);
    case 0x8d:
        return push_string(m, 8);
    case ')':
        return make_tuple(m, 0);
    case 0x85:
        return make_tuple(m, 1);
    case 0x86:
        return make_tuple(m, 2);
    case 0x87:
        return make_tuple(m, 3);
    case 't': /* TUPLE: down to the mark, which goes too */
        if ((mark = above_mark(m)) < 0) return -1;
        if (make_tuple(m, m->stack_count - (uint32_t)mark)) return -1;
        m->stack[mark - 1] = m->stack[mark];
        m->stack_count--;
        return 0;
    case '}':
        return push(m, (struct value){.kind = DICT, .as.dict = {NIL, NIL}});
    case 's': /* SETITEM */
        if (!top(m, 0) || !top(m, 1) || !top(m, 2)) return -1;
        return set_items(m, m->stack_count - 2, 0);
    case 'u': /* SETITEMS */
        if ((mark = above_mark(m)) < 0) return -1;
        return set_items(m, (uint32_t)mark, 1);
    case 'q':
        return number(m, 1, &n) ? -1 : memo_put(m, n);
    case 'r':
        return number(m, 4, &n) ? -1 : memo_put(m, n);
    case 0x94:
        return memo_put(m, m->memo_next); /* MEMOIZE */
    case 'h':
        return memo_get(m, 1);
    case 'j':
        return memo_get(m, 4);
    case 'c':
        return text_global(m);
    case 0x93:
        return stack_global(m);
    case 'Q':
        return persistent_id(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
    default:
        return err_set(m->e, "%s: byte %zu of the pickle: opcode 0x%02x, which no state dict needs",
                       m->path, m->op, op);
    }
}

/* The finished object's tensors under their names. */
static int collect(struct machine *m)
{
    const struct value *root = top(m, 0);
    if (!root) return -1;
    if (root->kind != DICT)
        return err_set(m->e, "%s: not a state dict: expected a dict of tensors, found %s", m->path,
                       kind_names[root->kind]);
    for (uint32_t i = root->as.dict.first; i != NIL; i = m->pairs[i].next) {
        const struct value *key = &m->values[m->pairs[i].key];
        const struct value *v = &m->values[m->pairs[i].value];
        if (key->kind != STRING)
            return err_set(m->e, "%s: not a state dict: expected a tensor's name, found %s",
                           m->path, kind_names[key->kind]);
        int length = key->as.string.length < 128 ? (int)key->as.string.length : 128;
        if (memchr(key->as.string.text, 0, key->as.string.length))
            return err_kind(m->e, ERR_DAMAGED, "%s: a tensor's name has a zero byte", m->path);
        if (v->kind != TENSOR)
            return err_set(m->e, "%s: not a state dict: %.*s: expected a tensor, found %s", m->path,
                           length, key->as.string.text, kind_names[v->kind]);
        if (tensor_list_add(&m->state->tensors, &m->tensors[v->as.tensor], key->as.string.text,
                            key->as.string.length))
            return err_memory(m->e, m->path);
    }
    return 0;
}

int pickle_parse(struct pickle_state *state, const uint8_t *data, size_t size, const char *path,
                 struct err *e)
{
    *state = (struct pickle_state){0};
    struct machine m = {.state = state, .data = data, .size = size, .path = path, .e = e};
    int status = 0;
    bool stopped = false;
    while (!status && !stopped) {
        m.op = m.at;
        const uint8_t *op = take(&m, 1);
        if (!op)
            status = -1;
        else if (*op == '.')
            stopped = true;
        else
            status = step(&m, *op);
    }
    if (!status) status = collect(&m);
    free(m.values);
    free(m.stack);
    free(m.items);
    free(m.pairs);
    free(m.memo);
    free(m.tensors);
    if (status) pickle_free(state);
    return status;
}

void pickle_free(struct pickle_state *state)
{
    tensor_list_free(&state->tensors);
    for (size_t i = 0; i < state->storage_count; i++) free(state->storages[i].key);
    free(state->storages);
    *state = (struct pickle_state){0};
}
