"""Theme of the page: colours with the contrast of WCAG AA, and system fonts.

`launch` takes another one as `theme=`, any that Gradio takes.
"""

import gradio as gr
from gradio.themes import colors, sizes

PRIMARY, NEUTRAL = colors.teal, colors.slate


class Theme(gr.themes.Base):
    """Theme in teal and slate: calm, without a font to download."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=PRIMARY,
            secondary_hue=PRIMARY,
            neutral_hue=NEUTRAL,
            radius_size=sizes.radius_lg,
            font=("system-ui", "sans-serif"),
            font_mono=("ui-monospace", "monospace"),
        )
        self.name = "ml_ui"
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            body_text_color="*neutral_900",
            # Hints and the footer: 4.5 to 1 on either background.
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_400",
            background_fill_primary_dark="*neutral_900",
            background_fill_secondary_dark="*neutral_900",
            border_color_primary_dark="*neutral_800",
            link_text_color="*primary_700",
            link_text_color_hover="*primary_900",
            link_text_color_visited="*primary_700",
            link_text_color_dark="*primary_300",
            link_text_color_hover_dark="*primary_200",
            link_text_color_visited_dark="*primary_300",
            block_background_fill="white",
            block_background_fill_dark="*neutral_900",
            block_border_color="*neutral_200",
            block_border_color_dark="*neutral_800",
            block_shadow="0 1px 2px rgb(15 23 42 / 0.05)",
            block_shadow_dark="none",
            block_label_text_color="*neutral_700",
            block_label_text_color_dark="*neutral_300",
            block_label_background_fill="white",  # it lies on a picture
            block_label_background_fill_dark="*neutral_900",
            block_label_border_width="0px",
            block_label_border_width_dark="0px",
            block_label_shadow="none",
            block_label_text_weight="600",
            block_title_text_color="*neutral_700",
            block_title_text_color_dark="*neutral_300",
            block_title_text_weight="600",
            block_info_text_color="*neutral_600",
            block_info_text_color_dark="*neutral_400",
            input_background_fill="white",
            input_background_fill_dark="*neutral_950",
            input_border_color="*neutral_400",
            input_border_color_dark="*neutral_600",
            input_border_width="1px",
            input_border_color_focus="*primary_600",
            input_border_color_focus_dark="*primary_400",
            input_shadow_focus="0 0 0 2px *primary_200",
            input_shadow_focus_dark="0 0 0 2px *primary_900",
            input_placeholder_color="*neutral_500",
            input_placeholder_color_dark="*neutral_400",
            button_border_width="1px",
            button_large_text_weight="600",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_800",
            button_primary_border_color="*primary_700",
            button_primary_border_color_dark="*primary_700",
            button_primary_text_color="white",
            button_primary_text_color_dark="white",
            button_secondary_background_fill="white",
            button_secondary_background_fill_hover="*neutral_100",
            button_secondary_background_fill_dark="*neutral_900",
            button_secondary_background_fill_hover_dark="*neutral_800",
            button_secondary_border_color="*neutral_300",
            button_secondary_border_color_dark="*neutral_700",
            button_secondary_text_color="*neutral_800",
            button_secondary_text_color_dark="*neutral_100",
            stat_background_fill="*primary_600",
            stat_background_fill_dark="*primary_500",
            color_accent="*primary_700",
            slider_color="*primary_700",
            slider_color_dark="*primary_400",
            loader_color="*primary_700",
            loader_color_dark="*primary_400",
            table_border_color="*neutral_200",
            table_border_color_dark="*neutral_800",
            table_even_background_fill="white",
            table_even_background_fill_dark="*neutral_900",
            table_odd_background_fill="*neutral_50",
            table_odd_background_fill_dark="*neutral_950",
        )
