/*
 * The frames of an export at the grain asked for, and a unique text for each: two functions that
 * differ stay apart even if name, file and line are the same.
 */
#include "export_priv.h"

#include <stdlib.h>
#include <string.h>

/* What makes two frames of the profile the same one at this grain. */
static struct pyro_label label_of(const struct pyro_profile *p, const struct pyro_frame *frame,
                                  enum pyro_export_frames grain)
{
    struct pyro_label label = {.function = frame->function,
                               .line = p->functions[frame->function].first_line,
                               .instruction = -1};
    if (grain == PYRO_EXPORT_NAMES)
        label.line = 0;
    else if (grain != PYRO_EXPORT_FUNCTIONS)
        label.line = frame->line;
    if (grain == PYRO_EXPORT_INSTRUCTIONS) {
        label.column = frame->column;
        label.instruction = frame->instruction;
    }
    return label;
}

/* QUALNAME (FILE:LINE), with +OFFSET for instructions, without :LINE for names */
static void put_text(struct pyro_buf *buf, const struct pyro_profile *p,
                     const struct pyro_label *label, enum pyro_export_frames grain)
{
    const struct pyro_function *function = &p->functions[label->function];
    struct pyro_str name = function->qualname.size ? function->qualname : function->name;
    char end[48];
    int n;

    pyro_export_put_name(buf, name, ";", PYRO_EXPORT_LONGEST_NAME);
    pyro_base_put(buf, " (", 2);
    pyro_export_put_name(buf, function->file, ";", PYRO_EXPORT_LONGEST_NAME);
    if (grain == PYRO_EXPORT_NAMES)
        n = snprintf(end, sizeof end, ")");
    else if (label->instruction >= 0)
        n = snprintf(end, sizeof end, ":%u+%d)", label->line, label->instruction);
    else
        n = snprintf(end, sizeof end, ":%u)", label->line);
    pyro_base_put(buf, end, (size_t)n);
}

/* Texts in the order of the labels; the second of the same text gets " #2", and so on. */
static int make_texts(const struct pyro_profile *p, enum pyro_export_frames grain,
                      struct pyro_labels *labels)
{
    struct pyro_strings *strings = pyro_base_strings_new();
    struct pyro_vec seen = PYRO_VEC(uint32_t); /* by string: labels of that text so far */
    struct pyro_buf buf = {0};
    int rc = strings ? 0 : PYRO_E_NOMEM;

    for (size_t i = 0; rc == 0 && i < labels->count; i++) {
        pyro_base_buf_clear(&buf);
        put_text(&buf, p, &labels->labels[i], grain);
        uint32_t id = buf.failed ? PYRO_MAP_NONE
                                 : pyro_base_strings_add(strings, (char *)buf.data, buf.len, NULL);
        if (id == PYRO_MAP_NONE ||
            (id >= seen.len && pyro_base_vec_resize(&seen, (size_t)id + 1) != 0)) {
            rc = PYRO_E_NOMEM;
            break;
        }
        uint32_t nth = ++*(uint32_t *)pyro_base_vec_at(&seen, id);
        if (nth > 1) {
            char number[24];
            int n = snprintf(number, sizeof number, " #%u", nth);
            pyro_base_put(&buf, number, (size_t)n);
        }
        labels->labels[i].text = pyro_base_arena_copy(labels->arena, buf.data, buf.len);
        if (buf.failed || !labels->labels[i].text)
            rc = PYRO_E_NOMEM;
    }
    pyro_base_buf_release(&buf);
    pyro_base_vec_release(&seen);
    pyro_base_strings_free(strings);
    return rc;
}

static int collect(const struct pyro_profile *p, enum pyro_export_frames grain,
                   struct pyro_labels *out)
{
    struct pyro_map known = {0};
    uint32_t *of_frame = malloc((p->frame_count + 1) * sizeof *of_frame);
    int rc = 0;

    if (!of_frame)
        return PYRO_E_NOMEM;
    memset(of_frame, 0xff, p->frame_count * sizeof *of_frame);
    for (size_t i = 0; rc == 0 && i < p->node_count; i++) {
        uint32_t frame = p->nodes[i].frame;
        if (of_frame[frame] == PYRO_MAP_NONE) {
            struct pyro_label label = label_of(p, &p->frames[frame], grain);
            uint64_t a = (uint64_t)label.function << 32 | label.line;
            uint64_t b = (uint64_t)label.column << 32 | (uint32_t)label.instruction;
            of_frame[frame] = pyro_base_map_get(&known, a, b);
            if (of_frame[frame] == PYRO_MAP_NONE) {
                of_frame[frame] = (uint32_t)out->count;
                out->labels[out->count++] = label;
                rc = pyro_base_map_put(&known, a, b, of_frame[frame]);
            }
        }
        out->of_node[i] = of_frame[frame];
    }
    pyro_base_map_release(&known);
    free(of_frame);
    return rc;
}

int pyro_export_labels(const struct pyro_profile *p, enum pyro_export_frames grain, bool texts,
                       struct pyro_labels *out)
{
    *out = (struct pyro_labels){
        .labels = calloc(p->frame_count + 1, sizeof *out->labels),
        .of_node = calloc(p->node_count + 1, sizeof *out->of_node),
        .arena = pyro_base_arena_new(),
    };
    int rc = out->labels && out->of_node && out->arena ? 0 : PYRO_E_NOMEM;
    if (rc == 0)
        rc = collect(p, grain, out);
    if (rc == 0 && texts)
        rc = make_texts(p, grain, out);
    if (rc)
        pyro_export_labels_release(out);
    return rc;
}

void pyro_export_labels_release(struct pyro_labels *labels)
{
    free(labels->labels);
    free(labels->of_node);
    pyro_base_arena_free(labels->arena);
    *labels = (struct pyro_labels){0};
}
